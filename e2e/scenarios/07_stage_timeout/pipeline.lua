-- A command that takes too long is stopped with its stage.
return pipeline.define({
  name = "stage-timeout",
  stages = {
    { name = "slow", timeout = "1s", script = function()
      process.run({ cmd = "sleep", args = { "300" } })
    end },
  },
})
