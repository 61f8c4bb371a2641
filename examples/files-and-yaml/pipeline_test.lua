local p = test.pipeline("pipeline.lua")

test.case("values are rendered, copied and checked", function()
  mock.process({ pattern = "cp %-r" }, {
    files = {
      ["release/values.yaml"] = "image: { tag: 1.4.2 }\n",
      ["release/services/shop.txt"] = "shop\n",
      ["release/services/worker.txt"] = "worker\n",
    },
  })
  local run = p:run()
  expect(run):was("succeeded")
  expect(run.outputs.files):equals({ "release/services/shop.txt", "release/values.yaml", "release/worker.txt" })
  expect(run.outputs.values):equals({ tag = "1.4.2" })
  expect(run.outputs.lines):equals({ "worker", "moved" })
  -- The copy is scripted here, so it is not the same file.
  expect(run.outputs.same):equals(false)
end)

test.case("a copy that fails ends the stage, and nothing is checked", function()
  mock.process({ pattern = "cp %-r" }, { exit_code = 1 })
  local run = p:run()
  expect(run):was("failed")
  expect(run.outputs):equals({})
end)
