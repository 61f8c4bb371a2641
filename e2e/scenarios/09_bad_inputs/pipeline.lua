-- Launched with inputs that don't fit: no job comes to be.
return pipeline.define({
  name = "bad-inputs",
  inputs = {
    level = { type = "string", options = { "debug", "release" } },
    count = { type = "number", integer = true, min = 1, max = 10 },
    needed = { type = "string" },
  },
  stages = { { name = "never", script = function() log.info("never seen") end } },
})
