-- Secrets are values that commands get and the log never shows. The token is an input here; a secret of the
-- installation is read with secret.get("NAME") and declared in `secrets`.
return pipeline.define({
  name = "secrets and summary",
  inputs = {
    token = { type = "string", secret = true, description = "What the API wants to see" },
  },
  stages = {
    {
      name = "call",
      script = function()
        local token = input.get("token")
        log.info("the token is " .. tostring(token))
        local result = process.sh([[
          echo "Authorization: Bearer $TOKEN"
          printf '%s' "user:$TOKEN" | base64
          printf '%s' "$TOKEN" | wc -c | tr -d ' '
        ]], { env = { TOKEN = token } })
        output.set("exit_code", result.exit_code)

        -- What a command tells may be hidden too.
        local session = process.sh("echo session-$((4700 + 11))", { capture_stdout = true }).stdout
        log.mask(session)
        process.run({ "echo", "logged in with", session, check = true })

        job.summary("## Called\n\n- exit code " .. result.exit_code)
      end,
    },
  },
})
