-- The author's mistake is shown with its place.
return pipeline.define({
  name = "lua-error",
  stages = {
    { name = "broken", script = function()
      local nothing = nil
      return nothing.field
    end },
  },
})
