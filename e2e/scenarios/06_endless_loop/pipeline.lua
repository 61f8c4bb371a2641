-- A loop without an end costs the job its life and nobody else anything.
return pipeline.define({
  name = "endless-loop",
  stages = { { name = "spin", script = function() while true do end end } },
})
