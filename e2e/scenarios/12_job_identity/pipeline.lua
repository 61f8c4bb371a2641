-- A job proves which one it is; nobody who reads its log can.
return pipeline.define({
  name = "job-identity",
  id_tokens = { "sts.example.com" },
  inputs = { branch = { type = "string" } },
  stages = {
    { name = "prove", script = function()
      local token = job.id_token("sts.example.com")
      process.run({ "sh", "-c", 'echo "the token: $TOKEN"', env = { TOKEN = token }, check = true })
      local claims = process.sh([[
        payload=$(printf %s "$TOKEN" | cut -d. -f2 | tr _- /+)
        while [ $(( ${#payload} % 4 )) -ne 0 ]; do payload="$payload="; done
        printf %s "$payload" | base64 -d
      ]], { env = { TOKEN = token }, capture_stdout = true }).stdout
      for _, name in ipairs({ "sub", "aud", "pipeline", "version", "branch", "attempt" }) do
        output.set(name, json.decode(claims)[name])
      end
      output.set("same", token == job.id_token("sts.example.com"))
      log.info("refused: " .. tostring(select(2, pcall(job.id_token, "sts.other.com"))))
    end },
  },
})
