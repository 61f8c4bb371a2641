local p = test.pipeline("pipeline.lua")

mock.process("echo 'Authorization: Bearer $TOKEN'", function()
  return { stdout = "Authorization: Bearer t0ken-0123456789\n" }
end)
mock.process("echo session-*", { stdout = "session-4711\n" })
mock.process("echo logged in with", { stdout = "logged in with session-4711\n" })

test.case("the token goes to the command and never to the log", function()
  local run = p:run({ inputs = { token = "t0ken-0123456789" } })
  expect(run):was("succeeded")
  expect(run.commands):has_length(3)
  expect(run:command({ pattern = "base64" }).env.TOKEN):is_secret("token")
  expect(run.log):contains("the token is ***")
  expect(run.log):contains("Authorization: Bearer ***")
  expect(run.log):lacks("t0ken")
end)

test.case("what a command told is hidden from then on", function()
  local run = p:run({ inputs = { token = "t0ken-0123456789" } })
  expect(run.log):contains("logged in with ***")
  expect(run.summary):contains("exit code 0")
end)

test.case("without a token nothing is run", function()
  expect(function() p:run() end):raises("token")
end)
