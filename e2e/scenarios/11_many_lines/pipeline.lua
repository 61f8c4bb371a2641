-- Ten thousand lines, of two kinds, each in its order.
return pipeline.define({
  name = "many-lines",
  stages = {
    { name = "talk", script = function()
      for i = 1, 2000 do log.info("log " .. i) end
      process.sh("i=0; while [ $i -lt 8000 ]; do i=$((i+1)); echo \"out $i\"; done")
    end },
  },
})
