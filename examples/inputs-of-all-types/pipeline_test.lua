local p = test.pipeline("pipeline.lua")

test.case("inputs keep their types, and absent ones have their defaults", function()
  local run = p:run({ inputs = { level = "release", jobs = 8, targets = { "linux", "mac os" } } })
  expect(run):was("succeeded")
  expect(run.outputs.all):contains({ branch = "main", jobs = 8, ratio = 0.5, version = "1.0" })
  expect(run.outputs.json):equals('["linux","mac os"]')
end)

test.case("wrong inputs are refused before anything runs", function()
  local function with(inputs) return function() p:run({ inputs = inputs }) end end
  expect(with({})):raises("level")
  expect(with({ level = "relaese" })):raises("level")
  expect(with({ level = "debug", jobs = 65 })):raises("jobs")
  expect(with({ level = "debug", version = "one" })):raises("want X.Y")
  expect(with({ level = "debug", brnch = "x" })):raises("brnch")
end)
