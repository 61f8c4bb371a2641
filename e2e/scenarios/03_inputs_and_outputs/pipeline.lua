-- Inputs keep their types, outputs reach the API.
return pipeline.define({
  name = "inputs-and-outputs",
  inputs = {
    greeting = { type = "string", default = "hello" },
    count = { type = "number", integer = true, min = 1, max = 10 },
    loud = { type = "bool", default = false },
    targets = { type = "list", items = { type = "string" }, default = { "linux" } },
  },
  stages = {
    { name = "set", script = function()
      output.set("count", input.get("count") + 1)
      output.set("loud", input.get("loud"))
      output.set("targets", input.get("targets"))
    end },
    { name = "see", script = function()
      log.info(input.get("greeting") .. " " .. output.get("count"))
    end },
  },
})
