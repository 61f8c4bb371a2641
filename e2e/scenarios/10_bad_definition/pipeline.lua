-- Every mistake is told at once.
return pipeline.define({
  name = "bad-definition",
  tiemout = "5m",
  inputs = { size = { type = "strnig" } },
  stages = {
    { name = "one", needs = { "two" }, script = function() end },
    { name = "two", needs = { "one" }, script = function() end },
    { name = "one", script = function() end },
    { name = "four", needs = { "fuor" }, timeout = "soon", script = function() end },
  },
})
