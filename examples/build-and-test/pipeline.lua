-- Builds a C program, tests it in parallel, and packages what was built. Stages: `sources` first, then
-- `compile` and `check` at the same time in two images, then `test`, then `package`.
local sources = require("build.sources")

local BASE = "localhost/rivet/base:latest"
local TOOLCHAIN = "localhost/rivet/toolchain:latest"

local function write(path, text)
  process.run({ "tee", path, stdin = text, capture_stdout = true, check = true })
end

return pipeline.define({
  name = "build-and-test",
  description = "Compiles a program, tests it, and packages it with a checksum",
  inputs = {
    greeting = {
      type = "string",
      description = "What the program says",
      default = "Hello",
      pattern = "^[%w ,.!-]+$",
    },
    optimize = { type = "bool", description = "Whether the compiler optimizes", default = true },
  },
  timeout = "10m",
  stages = {
    {
      name = "sources",
      container = BASE,
      script = function()
        process.sh("mkdir -p src bin dist")
        write("src/greet.c", sources.program)
        write("src/greeting.h", sources.header(input.get("greeting")))
        write("Makefile", sources.makefile)
        log.info("sources are written", { greeting = input.get("greeting") })
      end,
    },
    {
      name = "compile",
      needs = { "sources" },
      container = TOOLCHAIN,
      script = function()
        local flags = input.get("optimize") and "-O2" or "-O0"
        process.run({ "make", "bin/greet", "CFLAGS=" .. flags, check = true })
      end,
    },
    {
      name = "check",
      needs = { "sources" },
      container = BASE,
      script = function()
        local tabs = process.run({ "grep", "-n", "\t", "src/greet.c", capture_stdout = true })
        assert(tabs.exit_code == 1, "src/greet.c has tabs:\n" .. (tabs.stdout or ""))
      end,
    },
    {
      name = "test",
      needs = { "compile", "check" },
      container = TOOLCHAIN,
      timeout = "2m",
      script = function()
        local greeting = input.get("greeting")
        local cases = {
          { name = "no name", args = {}, want = greeting .. ", world\n" },
          { name = "one name", args = { "Ada" }, want = greeting .. ", Ada\n" },
          { name = "two names", args = { "Ada", "Grace" }, want = greeting .. ", Ada and Grace\n" },
        }
        local passed = process.parallel(cases, function(case)
          local result = process.run({ cmd = "bin/greet", args = case.args, capture_stdout = true, check = true })
          assert(result.stdout == case.want, ("got %q, want %q"):format(result.stdout, case.want))
          return case.name
        end)
        local usage = process.run({ "bin/greet", "a", "b", "c", capture_stderr = true })
        assert(usage.exit_code == 2, "three names must be refused")
        output.set("tests", passed)
      end,
    },
    {
      name = "package",
      needs = { "test" },
      script = function()
        container.with(TOOLCHAIN, function()
          process.sh("bin/greet Rivet > dist/greeting.txt")
        end)
        container.with({ image = BASE, network = "none" }, function()
          process.sh("cp bin/greet dist/ && cd dist && sha256sum greet greeting.txt > SHA256SUMS")
          process.run({ "sha256sum", "-c", "SHA256SUMS", cwd = "dist", check = true })
          local sum = process.run({ "sha256sum", "dist/greeting.txt", capture_stdout = true, check = true })
          output.set("artifact", "dist/greeting.txt")
          output.set("sha256", sum.stdout:match("^%x+"))
        end)
      end,
    },
  },
})
