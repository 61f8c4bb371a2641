-- How a command gets its input and where its output goes.
return pipeline.define({
  name = "capture-cwd-stdin-env",
  env = { COLOR = "green", SHARED = "pipeline" },
  stages = {
    {
      name = "capture",
      script = function()
        local result = process.run({
          "sh", "-c", "echo out; echo err >&2",
          capture_stdout = true,
          capture_stderr = "both",
        })
        assert(result.stdout == "out\n" and result.stderr == "err\n" and result.exit_code == 0)
        process.run({ "echo", "to the log, as a warning", stdout_level = "warning", check = true })
      end,
    },
    {
      name = "cwd",
      script = function()
        process.sh("mkdir -p a/b")
        local result = process.run({ "pwd", cwd = "a/b", capture_stdout = true, check = true })
        output.set("cwd", result.stdout)
        local ok, message = pcall(process.run, { "pwd", cwd = "../etc" })
        assert(not ok and message:find("leaves /workspace", 1, true), message)
      end,
    },
    {
      name = "stdin",
      script = function()
        local text = "b\na\n\0\255 bytes as they are\n"
        local back = process.run({ "cat", stdin = text, capture_stdout = true, check = true })
        assert(back.stdout == text)
        output.set("sorted", process.run({ "sort", stdin = "b\na\n", capture_stdout = true }).stdout)
        assert(process.run({ "cat", capture_stdout = true }).stdout == "")
      end,
    },
    {
      name = "env",
      script = function()
        local script = 'printf "%s|%s|%s|%s" "$COLOR" "$SHARED" "$CI" "$RIVET_STAGE"'
        local result = process.run({
          "sh", "-c", script,
          env = { SHARED = "of the command; $HOME `id`\nline 2" },
          capture_stdout = true,
          check = true,
        })
        output.set("env", result.stdout)
        assert(os.getenv("COLOR") == "green" and os.getenv("HOME") == nil)
      end,
    },
  },
})
