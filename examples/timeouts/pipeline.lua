-- The timeout of a command is a result; that of a stage ends the stage.
return pipeline.define({
  name = "timeouts",
  stages = {
    {
      name = "command",
      script = function()
        -- Ignores TERM, and so do its children: they are killed after the grace.
        local result = process.run({ "sh", "-c", "trap '' TERM; sleep 60 & wait; sleep 60", timeout = 0.5 })
        assert(result.timed_out and result.exit_code == 124)
        output.set("timed_out", result.timed_out)
      end,
    },
    {
      name = "stage",
      timeout = "500ms",
      script = function()
        -- A script cannot talk itself out of a timeout.
        pcall(process.run, { "sleep", "60" })
        pcall(time.sleep, 60)
        log.info("the end of the script")
      end,
    },
    { name = "later", script = function() end },
    { name = "cleanup", always = true, script = function() process.sh("echo cleaned up") end },
  },
})
