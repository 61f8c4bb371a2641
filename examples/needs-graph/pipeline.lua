-- A diamond: `left` and `right` run at the same time after `top`; `bottom` waits for both.
local function meet(own, other)
  -- Ends only when both sides run at the same time.
  process.sh(([[
    touch %s
    for try in $(seq 100); do [ -e %s ] && exit 0; sleep 0.1; done
    exit 1
  ]]):format(own, other))
end

return pipeline.define({
  name = "needs-graph",
  inputs = { extra = { type = "bool", default = false } },
  stages = {
    { name = "top", script = function() process.sh("echo top > order.txt") end },
    { name = "left", needs = { "top" }, script = function() meet("left", "right") end },
    { name = "right", needs = { "top" }, script = function() meet("right", "left") end },
    {
      name = "extra",
      needs = { "top" },
      condition = function() return input.get("extra") end,
      script = function() error("the condition was not met") end,
    },
    {
      name = "bottom",
      needs = { "left", "right", "extra" },
      script = function()
        process.sh("test -e left && test -e right && echo bottom >> order.txt")
        output.set("order", process.run({ "cat", "order.txt", capture_stdout = true }).stdout)
      end,
    },
  },
})
