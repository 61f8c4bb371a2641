-- A stage for each thing that the tests look at.
local archive = require("archive")

return pipeline.define({
  name = "uses archive",
  plugins = { "archive" },
  stages = {
    { name = "extract", needs = {}, script = function()
      output.set("top", archive.extract({ file = "dist.tar.gz", into = "dist", size_max = "50MB" }).top)
    end },
    { name = "create", needs = {}, script = function()
      archive.create({ file = "dist.tar.zst", from = "dist" })
    end },
  },
})
