local p = test.pipeline("pipeline.lua")

mock.process("mkdir -p site")
mock.process("sleep 600", { duration = 600 })

test.case("waits until the server answers, and stops it", function()
  mock.process("httpd", { hangs = true })
  local page = mock.process("wget", { exit_code = 1 }, { exit_code = 1 }, { stdout = "it answers\n" })
  local run = p:run()
  expect(run):was("succeeded")
  expect(run.outputs.page):equals("it answers\n")
  expect(page):was_called(3)
end)

test.case("a server that ends at once fails the stage with what it said", function()
  mock.process("httpd", { exit_code = 1, stderr = "bind: Address already in use\n" })
  mock.process("wget", { exit_code = 1 })
  expect(p:run()):was("failed", "Address already in use")
end)
