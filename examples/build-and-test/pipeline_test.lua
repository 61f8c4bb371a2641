local p = test.pipeline("pipeline.lua")

mock.process("mkdir -p src")
mock.process("tee")
mock.process("make")
mock.process("grep -n", { exit_code = 1 })
mock.process("bin/greet Rivet")
mock.process("cp bin/greet dist/")
mock.process("sha256sum", { stdout = "0123abcd  dist/greeting.txt\n" })

-- What the program would print.
local function greet(greeting)
  return function(command)
    local names = command.args
    if #names > 2 then return { exit_code = 2, stderr = "usage: greet [NAME [NAME]]\n" } end
    if #names == 0 then names = { "world" } end
    return { stdout = greeting .. ", " .. table.concat(names, " and ") .. "\n" }
  end
end

test.case("a release is built, tested and packaged", function()
  mock.process({ stage = "test" }, greet("Hi"))
  local run = p:run({ inputs = { greeting = "Hi" } })
  expect(run):was("succeeded")
  expect(run.stages.compile.commands):equals({ "make bin/greet CFLAGS=-O2" })
  expect(run:command("tee src/greeting.h").stdin):contains("Hi")
  expect(run.outputs.tests):equals({ "no name", "one name", "two names" })
  expect(run.outputs.sha256):equals("0123abcd")
end)

test.case("without optimization the compiler is told so", function()
  mock.process({ stage = "test" }, greet("Hello"))
  local run = p:run({ inputs = { optimize = false } })
  expect(run.stages.compile.commands):equals({ "make bin/greet CFLAGS=-O0" })
end)

test.case("a wrong greeting fails the tests, and nothing is packaged", function()
  mock.process({ stage = "test" }, greet("Good bye"))
  local run = p:run()
  expect(run):was("failed", 'got "Good bye, world')
  expect(run.stages.package):was("skipped", 'stage "test" failed')
end)

test.case("tabs in the source fail the check", function()
  mock.process("grep -n", { exit_code = 0, stdout = "3:\treturn 0;\n" })
  mock.process({ stage = "test" }, greet("Hello")):optional()
  expect(p:run().stages.check):was("failed", "src/greet.c has tabs:\n3:")
end)

test.case("the package stage runs in an image of its own, without a network", function()
  mock.process({ stage = "test" }, greet("Hello"))
  local run = p:run()
  expect(run:command({ stage = "package" }).image):equals("localhost/rivet/toolchain:latest")
  expect(run:command("cp bin/greet").image):equals("localhost/rivet/base:latest")
end)
