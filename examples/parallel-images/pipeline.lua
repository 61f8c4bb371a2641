-- One script, several branches at the same time, each in an image of its own. Each branch has a section
-- in the log.
local images = {
  { name = "base", image = "localhost/rivet/base:latest" },
  { name = "toolchain", image = "localhost/rivet/toolchain:latest" },
}

return pipeline.define({
  name = "parallel-images",
  stages = {
    {
      name = "both",
      script = function()
        local started = time.now()
        local compilers = process.parallel(images, function(target, index)
          return container.with(target.image, function()
            -- Each branch waits for the other: this ends only when both run at the same time.
            process.sh(([[
              touch ready-%d
              for try in $(seq 100); do
                [ -e ready-1 ] && [ -e ready-2 ] && break
                sleep 0.1
              done
              [ -e ready-1 ] && [ -e ready-2 ]
            ]]):format(index))
            local found = process.run({ "sh", "-c", "command -v tcc", capture_stdout = true })
            return found.exit_code == 0
          end)
        end)
        log.info("both ran", { seconds = math.floor(time.now() - started) })
        output.set("compilers", compilers)
      end,
    },
    {
      name = "one fails",
      script = function()
        local ok, message = pcall(process.parallel, { "fast", "slow", "broken" }, function(item)
          if item == "broken" then error("it is broken") end
          if item == "slow" then process.run({ "sleep", "60", check = true }) end
          return item
        end)
        assert(not ok)
        output.set("message", message:match("item.*"))
      end,
    },
  },
})
