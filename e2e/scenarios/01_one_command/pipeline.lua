-- One command in the default container.
return pipeline.define({
  name = "one-command",
  stages = {
    { name = "hello", script = function() process.run({ "echo", "hello from the container" }) end },
  },
})
