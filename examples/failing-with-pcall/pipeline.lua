-- A command that fails raises an error with `check = true` and in `process.sh`. A script can catch it like
-- any error; what it does not catch fails the stage.
return pipeline.define({
  name = "failing-with-pcall",
  stages = {
    {
      name = "caught",
      script = function()
        local ok, message = pcall(process.sh, "echo on the way; echo broken >&2; exit 3")
        assert(not ok)
        output.set("message", message:match("failed with exit code %d+:\n%w+"))
        local result = process.run({ "false" })
        output.set("exit_code", result.exit_code)
      end,
    },
    {
      name = "unlooked",
      script = function()
        process.run({ "false" }) -- rivet: ignore unused-result
      end,
    },
    {
      name = "uncaught",
      script = function()
        process.run({ "sh", "-c", "echo this is why >&2; exit 7", check = true })
      end,
    },
    { name = "never", script = function() log.info("not reached") end },
  },
})
