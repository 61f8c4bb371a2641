-- Plans in one stage and applies in another.
local terraform = require("terraform")

return pipeline.define({
  name = "deploy",
  plugins = { "terraform" },
  secrets = { "DB_PASSWORD" },
  stages = {
    { name = "plan", script = function()
      terraform.init({ workspace = "staging" })
      local plan = terraform.plan({ vars = { zones = { "a", "b" }, password = secret.get("DB_PASSWORD") } })
      output.set("plan", plan)
      output.set("changes", plan.changes)
    end },
    { name = "apply", script = function() terraform.apply(output.get("plan")) end },
  },
})
