-- What a failure does to the stages after it.
local runs = 0

return pipeline.define({
  name = "allow-failure-and-always",
  stages = {
    { name = "optional", allow_failure = true, script = function() error("this may fail") end },
    {
      name = "flaky",
      retry = { max = 2 },
      script = function()
        runs = runs + 1
        if runs < 3 then error("run " .. runs .. " fails") end
        output.set("runs", runs)
      end,
    },
    { name = "broken", script = function() error({ code = 42 }) end },
    { name = "later", script = function() end },
    { name = "cleanup", always = true, script = function() log.info("cleaned up") end },
  },
})
