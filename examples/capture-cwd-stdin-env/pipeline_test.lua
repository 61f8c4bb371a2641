local p = test.pipeline("pipeline.lua")

-- `cat` and `pwd` as they are; what the others print is not of interest here.
local function answer(command)
  if command.program == "pwd" then return { stdout = command.cwd .. "\n" } end
  if command.program == "cat" then return { stdout = command.stdin } end
  return {}
end

test.case("commands get the directory, the input and the variables that were asked for", function()
  mock.default({})
  mock.process("pwd", answer)
  mock.process("sort", { stdout = "a\nb\n" })
  mock.process({ pattern = "echo out" }, { stdout = "out\n", stderr = "err\n" })
  mock.process("cat", function(command)
    -- Bytes that are no text are replaced in what a test sees, so they are not compared.
    if command.stdin and command.stdin:find("bytes") then return { stdout = "b\na\n\0\255 bytes as they are\n" } end
    return answer(command)
  end)
  local run = p:run()
  expect(run):was("succeeded")
  expect(run:command("pwd").cwd):equals("/workspace/a/b")
  expect(run:command("sort").stdin):equals("b\na\n")
  local command = run:command({ stage = "env" })
  expect(command.env):contains({ COLOR = "green", CI = "true", RIVET_STAGE = "env" })
  expect(command.env.SHARED):matches("^of the command")
  expect(run.outputs.cwd):equals("/workspace/a/b\n")
end)
