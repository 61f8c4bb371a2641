-- The plugin terraform: init, plan, apply of exactly that plan, outputs.
local UMASK = 'umask 077; exec "$@"'

-- Options that every function has.
local COMMON = { env = "table?", image = "image?", timeout = "duration?" }

local DIR = { dir = "text?" }

local function quoted(text) return ("%q"):format(#text > 80 and text:sub(1, 80) .. "…" or text) end

local function check_dir(options)
  local dir = options.dir or "."
  local bad = dir:find("^[/-]") or dir:find("%c") or dir == ""
  for part in dir:gmatch("[^/]+") do bad = bad or part == ".." end
  if bad then plugin.fail(options.fn .. ": dir is " .. quoted(dir) .. "; expected a relative path below /workspace") end
  return dir
end

local function check_env(options)
  for name, value in pairs(options.env or {}) do
    if type(name) ~= "string" or not name:find("^[%a_][%w_]*$") then
      plugin.fail(options.fn .. ": env has " .. quoted(tostring(name)) .. ", which is not the name of a variable")
    end
    if name:find("^TF_CLI_ARGS") or name == "TF_INPUT" or name == "TF_IN_AUTOMATION" or name == "TF_WORKSPACE" then
      plugin.fail(options.fn .. ": env has " .. name .. ", which the plugin sets itself")
    end
    if type(value) ~= "string" and not plugin.is_secret(value) then
      plugin.fail(options.fn .. ": env." .. name .. " is a " .. type(value) .. "; expected text or a secret")
    end
  end
end

local function read(name, given, ...)
  local schema = {}
  for _, part in ipairs({ COMMON, ... }) do
    for key, kind in pairs(part) do schema[key] = kind end
  end
  local options = plugin.options("terraform." .. name, given, schema)
  options.fn = "terraform." .. name
  options.dir = check_dir(options)
  check_env(options)
  return options
end

local function inside(options, fn)
  if options.image == false then return fn() end
  return container.with(options.image or plugin.image, fn)
end

-- How long another run may hold the lock of the state, as Terraform writes it.
local function lock_timeout(options)
  local value = options.lock_timeout or "60s"
  if type(value) == "number" then value = math.floor(value) .. "s" end
  if not value:find("^%d+[smh]$") then
    plugin.fail(options.fn .. ": lock_timeout is " .. quoted(value) .. '; expected seconds or text such as "90s" or "5m"')
  end
  return "-lock-timeout=" .. value
end

-- Variables of the configuration are environment variables: values don't show on a command line.
local function variables(options)
  local env = {}
  for name, value in pairs(options.vars or {}) do
    if type(name) ~= "string" or not name:find("^[%a_][%w_-]*$") then
      plugin.fail(options.fn .. ": vars has " .. quoted(tostring(name)) .. ", which is not the name of a variable")
    end
    if type(value) == "function" then plugin.fail(options.fn .. ": vars." .. name .. " is a function; expected a value") end
    local plain = type(value) == "string" or plugin.is_secret(value)
    env["TF_VAR_" .. name] = plain and value or json.encode(value)
  end
  return env
end

-- more: env, quiet (its output is data), ok (exit codes that are no failure).
local function terraform(options, args, more)
  more = more or {}
  local env = { TF_IN_AUTOMATION = "1", TF_INPUT = "0", CHECKPOINT_DISABLE = "1" }
  for key, value in pairs(options.env or {}) do env[key] = value end
  for key, value in pairs(more.env or {}) do env[key] = value end
  -- State and plans hold secrets: only the user of the container can read what is written.
  return process.run({
    cmd = "sh", args = { "-c", UMASK, "terraform", "terraform", table.unpack(args) }, env = env, cwd = options.dir,
    timeout = options.timeout, capture_stdout = more.quiet or false, capture_stderr = more.quiet and true or "both",
  })
end

local function fail(options, result)
  local said = result.stderr or ""
  if result.timed_out then plugin.fail(options.fn .. ": it took longer than the timeout") end
  if result.exit_code == 127 then plugin.fail(options.fn .. ": the image has no terraform; give the option image") end
  if said:find("Saved plan is stale") then
    plugin.fail(options.fn .. ": the plan is stale: the state was changed after the plan was made; make a new plan and look at it")
  end
  local errors = {}
  for text in said:gmatch("Error: ([^\n]+)") do errors[#errors + 1] = text end
  local hint = ""
  if said:find("Error acquiring the state lock") then hint = " (another run holds the lock; lock_timeout waits longer)"
  elseif said:find("terraform init") then hint = " (terraform.init has to run before, in the same dir)" end
  local reason = #errors > 0 and table.concat(errors, "; ", 1, math.min(#errors, 5)) or "exit code " .. result.exit_code
  plugin.fail(options.fn .. ": " .. reason .. hint)
end

local function ok(options, result)
  if result.exit_code ~= 0 then fail(options, result) end
  return result
end

local function init(given)
  local options = read("init", given, DIR, { backend = "table?", upgrade = "bool?", reconfigure = "bool?", workspace = "text?" })
  local args = { "init", "-input=false", "-no-color" }
  for _, key in ipairs({ "upgrade", "reconfigure" }) do
    if options[key] then args[#args + 1] = "-" .. key end
  end
  local keys = {}
  for key in pairs(options.backend or {}) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local value = options.backend[key]
    if plugin.is_secret(value) then
      plugin.fail("terraform.init: backend." .. key .. " is a secret, and would stand on a command line and in .terraform; "
        .. "backends read credentials from variables: give them in env")
    end
    if type(value) == "table" or not key:find("^[%w_]+$") then
      plugin.fail("terraform.init: backend." .. key .. " cannot be given; expected a text, number or bool by the name of a setting")
    end
    args[#args + 1] = "-backend-config=" .. key .. "=" .. tostring(value)
  end
  if options.workspace and not options.workspace:find("^%w[%w_.-]*$") then
    plugin.fail("terraform.init: workspace is " .. quoted(options.workspace) .. "; expected letters, digits and _ . -")
  end
  return inside(options, function()
    ok(options, terraform(options, args))
    if options.workspace then
      ok(options, terraform(options, { "workspace", "select", "-or-create=true", options.workspace }))
    end
  end)
end

local ACTIONS = { ["delete,create"] = "replace", ["create,delete"] = "replace" }

-- The changes of a plan in the form of `terraform show -json`: what happens to what, and never a value.
local function changes_of(shown)
  local changes, counts = {}, { create = 0, update = 0, delete = 0, replace = 0 }
  for _, resource in ipairs(shown.resource_changes or {}) do
    local actions = table.concat(resource.change.actions, ",")
    local action = ACTIONS[actions] or actions
    if action ~= "no-op" then
      changes[#changes + 1] = {
        address = resource.address, type = resource.type, action = action,
        reason = resource.action_reason ~= json.null and resource.action_reason or nil,
      }
      if counts[action] then counts[action] = counts[action] + 1 end
    end
  end
  return changes, counts
end

local function digest(options, file)
  local sum = process.run({ "sha256sum", "--", file, cwd = options.dir, capture_stdout = true, capture_stderr = true })
  return sum.exit_code == 0 and sum.stdout:match("^%x+") or nil
end

local function check_file(options, key)
  local file = options[key]
  if file:find("^[/-]") or file:find("%c") or ("/" .. file .. "/"):find("/../", 1, true) then
    plugin.fail(options.fn .. ": " .. key .. " is " .. quoted(file) .. "; expected a relative path below dir")
  end
  return file
end

local function plan(given)
  local options = read("plan", given, DIR, {
    vars = "table?", var_files = "list?", targets = "list?", destroy = "bool?", refresh_only = "bool?", out = "text?", lock_timeout = "any?",
  })
  options.out = options.out or "rivet.tfplan"
  local file = check_file(options, "out")
  local args = { "plan", "-input=false", "-no-color", "-detailed-exitcode", "-out=" .. file, lock_timeout(options) }
  if options.destroy then args[#args + 1] = "-destroy" end
  if options.refresh_only then args[#args + 1] = "-refresh-only" end
  for _, path in ipairs(options.var_files or {}) do args[#args + 1] = "-var-file=" .. path end
  for _, address in ipairs(options.targets or {}) do args[#args + 1] = "-target=" .. address end
  return inside(options, function()
    local result = terraform(options, args, { env = variables(options) })
    if result.exit_code ~= 0 and result.exit_code ~= 2 then fail(options, result) end
    local shown = ok(options, terraform(options, { "show", "-json", "-no-color", file }, { quiet = true }))
    local changes, counts = changes_of(json.decode(shown.stdout))
    local sha256 = digest(options, file)
    if not sha256 then plugin.fail("terraform.plan: the plan file " .. file .. " cannot be read") end
    return {
      -- Outputs may change where no resource does.
      has_changes = result.exit_code == 2, changes = changes,
      create = counts.create, update = counts.update, delete = counts.delete, replace = counts.replace,
      file = file, sha256 = sha256, dir = options.dir,
    }
  end)
end

local function apply(given)
  -- The plan alone may be given.
  if type(given) == "table" and given.plan == nil and given.sha256 ~= nil then given = { plan = given } end
  local options = read("apply", given, { plan = "table", lock_timeout = "any?" })
  local planned = options.plan
  if type(planned.file) ~= "string" or type(planned.sha256) ~= "string" or type(planned.dir) ~= "string" then
    plugin.fail("terraform.apply: plan is not complete; expected what terraform.plan returned")
  end
  options.dir, options.file = planned.dir, planned.file
  options.dir = check_dir(options)
  local file = check_file(options, "file")
  return inside(options, function()
    local found = digest(options, file)
    if found == nil then
      plugin.fail("terraform.apply: the plan file " .. file .. " is gone: it was applied already, or removed; make a new plan")
    end
    if found ~= planned.sha256 then
      plugin.fail("terraform.apply: the plan file " .. file .. " is not the one that was planned: another plan was written over it; give each an out of its own")
    end
    ok(options, terraform(options, { "apply", "-input=false", "-no-color", lock_timeout(options), file }))
    -- A plan holds secrets, and cannot be applied twice. Terraform itself refuses one that is left.
    local removed = process.run({ "rm", "-f", "--", file, cwd = options.dir })
    if removed.exit_code ~= 0 then log.warning("the plan file could not be removed: " .. file) end
  end)
end

-- Hides every text in a value from now on.
local function mask(value)
  if type(value) == "table" then
    for _, item in pairs(value) do mask(item) end
  elseif type(value) ~= "boolean" and value ~= json.null and #tostring(value) >= 4 then
    log.mask(tostring(value))
  end
end

local function outputs(given)
  local options = read("output", given, DIR)
  return inside(options, function()
    local result = ok(options, terraform(options, { "output", "-json", "-no-color" }, { quiet = true }))
    local values = {}
    for name, entry in pairs(json.decode(result.stdout)) do
      if entry.sensitive then mask(entry.value) end
      values[name] = entry.value ~= json.null and entry.value or nil
    end
    return values
  end)
end

return {
  name = "terraform",
  version = "1.0.0",
  description = "Plans changes of infrastructure, says what they are, and applies exactly that plan",
  needs = {
    modules = { "process", "container", "json", "log" },
    images = { "docker.io/hashicorp/terraform:1.11" },
  },
  functions = { init = init, plan = plan, apply = apply, output = outputs },
}
