local p = test.pipeline("pipeline.lua")

test.case("each branch runs in its image, both at the same time", function()
  mock.process("touch", { duration = 5 })
  mock.process({ pattern = "tcc", image = "*base*" }, { exit_code = 1 })
  mock.process({ pattern = "tcc", image = "*toolchain*" }, { exit_code = 0 })
  -- Whether it begins before "broken" has failed is nobody's promise; it never ends.
  mock.process("sleep 60", { duration = 60 }):optional()
  local run = p:run()
  expect(run):was("succeeded")
  expect(run.outputs.compilers):equals({ false, true })
  expect(run.outputs.message):contains('item "broken" (#3) failed')
  expect(run.duration):equals(5)
end)
