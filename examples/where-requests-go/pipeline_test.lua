local p = test.pipeline("pipeline.lua")

-- It would answer everything, but the policy is asked first.
local anything = mock.http("GET *", { body = "here" })

test.case("nothing inside is ever asked, whatever the spelling", function()
  local run = p:run()
  expect(run.outputs.refused):equals({ true, true, true, true, true })
  expect(anything):was_called(0)
end)

test.case("a stage asks only whom its own policy allows", function()
  local run = p:run()
  expect(run.stages.narrow):was("failed", 'http.allow has "api.example.com"')
  expect(run.requests):equals({})
end)
