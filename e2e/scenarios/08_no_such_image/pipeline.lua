-- An image that does not exist: the name is in the log.
return pipeline.define({
  name = "no-such-image",
  stages = {
    { name = "build", script = function()
      container.with({ image = "localhost/rivet/no-such-image:latest", pull = "never" }, function()
        process.run({ "true" })
      end)
    end },
  },
})
