-- Two stages run at the same time: each waits for a file of the other, which in turn would never come.
local function meet(mine, other)
  return function()
    process.sh("touch " .. mine .. "; n=0; until [ -e " .. other .. " ]; do n=$((n+1)); "
      .. "[ $n -lt 300 ] || exit 1; sleep 0.1; done")
  end
end

return pipeline.define({
  name = "needs",
  stages = {
    { name = "begin", script = function() process.sh("echo begun > begun") end },
    { name = "left", needs = { "begin" }, script = meet("left", "right") },
    { name = "right", needs = { "begin" }, script = meet("right", "left") },
    { name = "join", needs = { "left", "right" }, script = function()
      process.sh("cat begun; ls left right")
    end },
  },
})
