-- Plans, applies and reads outputs with a stand-in for the program that answers what Terraform really printed.
local terraform = require("terraform")

local PATH = { PATH = "/workspace/bin:/usr/bin:/bin" }

local function failure(fn, options)
  options.image = false
  options.env = options.env or PATH
  local ok, problem = pcall(fn, options)
  return ok and "it was done" or (tostring(problem):gsub("^[^ ]+ ", ""))
end

return pipeline.define({
  name = "terraform",
  plugins = { "terraform" },
  secrets = { "DB_PASSWORD" },
  stages = {
    { name = "plan", container = "localhost/rivet/base:latest", script = function()
      terraform.init({ env = PATH, backend = { bucket = "state", encrypt = true }, workspace = "staging", image = false })
      local plan = terraform.plan({
        env = PATH, image = false, lock_timeout = "2m", targets = { "module.a" },
        vars = { size = 2, zones = { "a", "b" }, password = secret.get("DB_PASSWORD") },
      })
      output.set("plan", plan)
      output.set("mode", (process.sh("stat -c %a rivet.tfplan", { capture_stdout = true }).stdout:gsub("%s", "")))
    end },
    { name = "apply", container = "localhost/rivet/base:latest", script = function()
      local plan = output.get("plan")
      local stale = failure(terraform.apply, { plan = plan, env = { PATH = PATH.PATH, STALE = "1" } })
      terraform.apply({ plan = plan, env = PATH, image = false })
      local twice = failure(terraform.apply, { plan = plan })
      local other = terraform.plan({ env = PATH, image = false, vars = { size = 5 } })
      terraform.plan({ env = PATH, image = false, vars = { size = 6 } })
      output.set("refusals", {
        stale, twice,
        failure(terraform.apply, { plan = other }),
        failure(terraform.apply, { plan = { file = "../x", sha256 = "", dir = "." } }),
        failure(terraform.apply, { plan = {} }),
        failure(terraform.plan, { env = { PATH = PATH.PATH, FAIL_LOCK = "1" } }),
        failure(terraform.plan, { env = { TF_CLI_ARGS = "-x" } }),
        failure(terraform.plan, { env = { PATH = "/usr/bin:/bin" } }),
        failure(terraform.plan, { out = "-x" }),
        failure(terraform.plan, { lock_timeout = "soon" }),
        failure(terraform.plan, { vars = { ["a b"] = 1 } }),
        failure(terraform.init, { dir = "/etc" }),
        failure(terraform.init, { backend = { key = secret.get("DB_PASSWORD") } }),
        failure(terraform.init, { workspace = "-x" }),
        failure(terraform.init, { modules = true }),
      })
      local values = terraform.output({ env = PATH, image = false })
      log.info("the password is " .. values.password)
      output.set("values", { size = values.size, names = values.names })
      output.set("calls", process.sh("cat calls.log", { capture_stdout = true }).stdout)
    end },
  },
})
