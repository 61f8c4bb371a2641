-- The innermost container counts; /workspace is the same in all of them.
local BASE = "localhost/rivet/base:latest"
local TOOLCHAIN = "localhost/rivet/toolchain:latest"

local function has_compiler()
  return process.run({ "tcc", "-v", capture_stdout = true, capture_stderr = true }).exit_code == 0
end

return pipeline.define({
  name = "nested-containers",
  stages = {
    {
      name = "nest",
      container = BASE,
      script = function()
        assert(not has_compiler())
        local inner = container.with(TOOLCHAIN, function()
          assert(has_compiler())
          process.sh("echo from the toolchain > note.txt")
          container.with({ image = BASE, env = { DEPTH = "2" } }, function()
            assert(not has_compiler())
            process.sh("echo depth $DEPTH >> note.txt")
          end)
          assert(has_compiler())
          return container.current()
        end)
        assert(inner == TOOLCHAIN)
        assert(container.current() == BASE)
        local note = process.run({ "cat", "note.txt", capture_stdout = "both", check = true })
        output.set("note", note.stdout)
      end,
    },
    {
      name = "closed on errors",
      container = BASE,
      script = function()
        local ok, message = pcall(container.with, TOOLCHAIN, function() error("out of the inside") end)
        assert(not ok and message:find("out of the inside", 1, true))
        assert(container.current() == BASE)
      end,
    },
  },
})
