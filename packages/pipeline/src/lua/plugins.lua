-- Plugins: each is loaded into an environment of its own, with the standard library and those of
-- the core modules that it declares. Trusted code: called with the table of the module `pipeline`,
-- whose field `loader` holds the plugins' files; it returns what the module has to know of them.
local plugin_manifests, nearest_name = (function(pipeline)
  local loader = pipeline.loader
  pipeline.loader = nil

  local type, tostring, pairs, ipairs, next = type, tostring, pairs, ipairs, next
  local rawget, rawset, setmetatable, error, pcall, load = rawget, rawset, setmetatable, error, pcall, load
  local select, require, debug, _G = select, require, debug, _G
  local sub, gsub, find, match, gmatch = string.sub, string.gsub, string.find, string.match, string.gmatch
  local lower, byte, format, concat, sort = string.lower, string.byte, string.format, table.concat, table.sort
  local max, min, floor, math_type = math.max, math.min, math.floor, math.type
  -- The globals as they are before any script runs: tables that nobody can change.
  local globals = {}
  for key, value in pairs(_ENV) do globals[key] = value end

  local module_names, own_names = {}, {}
  for _, name in ipairs(loader.modules) do module_names[name] = true end
  for _, name in ipairs(loader.own) do own_names[name] = true end

  -- Edit distance with neighbours swapped counting as one: the same measure as for unknown fields.
  local function distance(a, b)
    local two_back, previous = {}, {}
    for column = 0, #b do previous[column] = column end
    for row = 1, #a do
      local current = { [0] = row }
      for column = 1, #b do
        local same = byte(a, row) == byte(b, column)
        local cost = min(previous[column] + 1, current[column - 1] + 1,
          previous[column - 1] + (same and 0 or 1))
        if row > 1 and column > 1 and byte(a, row) == byte(b, column - 1)
          and byte(a, row - 1) == byte(b, column) then
          cost = min(cost, two_back[column - 2] + 1)
        end
        current[column] = cost
      end
      two_back, previous = previous, current
    end
    return previous[#b]
  end

  local function nearest(name, known)
    local best, best_distance
    if #name > 100 then return nil end
    for _, candidate in ipairs(known) do
      local allowed = max(1, floor(max(#name, #candidate) / 3))
      local found = distance(lower(name), lower(candidate))
      if found <= allowed and (best == nil or found < best_distance) then
        best, best_distance = candidate, found
      end
    end
    return best
  end

  local function sorted_keys(map)
    local keys = {}
    for key in pairs(map) do keys[#keys + 1] = tostring(key) end
    sort(keys)
    return keys
  end

  -- Raises an error at the line that called into the plugin `name`: the first frame outside of it.
  local function fail(name, message)
    local own = "plugins/" .. name .. "/"
    for frame in gmatch(debug.traceback(), "[^\n]+") do
      local file, line = match(frame, "^%s*([^:\n]+):(%d+): in ")
      if file and sub(file, 1, #own) ~= own then error(file .. ":" .. line .. ": " .. message, 0) end
    end
    error(message, 0)
  end

  local function is_secret(value)
    return type(value) == "table" and rawget(value, "$secret") ~= nil
  end

  local function is_list_of_text(value)
    if type(value) ~= "table" or is_secret(value) then return false end
    local count = 0
    for key, item in next, value do
      if math_type(key) ~= "integer" or type(item) ~= "string" then return false end
      count = count + 1
    end
    return count == #value
  end

  local kinds = {
    text = { "text", function(value) return type(value) == "string" end },
    secret = { "text or a secret", function(value) return type(value) == "string" or is_secret(value) end },
    only_secret = { "a secret, such as secret.get(\"TOKEN\")", is_secret },
    integer = { "a whole number above 0", function(value)
      return type(value) == "number" and value >= 1 and floor(value) == value
    end },
    number = { "a number", function(value) return type(value) == "number" and value == value end },
    bool = { "true or false", function(value) return type(value) == "boolean" end },
    list = { "a list of texts", is_list_of_text },
    table = { "a table", function(value) return type(value) == "table" and not is_secret(value) end },
    duration = { 'seconds or text such as "90s" or "5m"', function(value)
      return type(value) == "number" and value > 0
        or type(value) == "string" and find(value, "^%d+%.?%d*%a+$") ~= nil
    end },
    image = { "the name of an image, or false for the container that is open", function(value)
      return value == false or type(value) == "string" and find(value, "^[%w]") ~= nil
    end },
    any = { "a value", function() return true end },
  }

  local function show(value)
    if is_secret(value) then return "a secret" end
    if type(value) == "string" then
      if #value > 60 then value = sub(value, 1, 60) .. "…" end
      return format("%q", value)
    end
    if type(value) == "table" then return next(value) == nil and "an empty table" or "a table" end
    if type(value) == "function" then return "a function" end
    return tostring(value)
  end

  -- Checks the options of a plugin's function against { url = "text", depth = "integer?" }.
  local function check_options(plugin_name, fn, given, schema)
    if given == nil then given = {} end
    local known = sorted_keys(schema)
    if type(given) ~= "table" or is_secret(given) then
      fail(plugin_name, fn .. " takes a table of options (" .. concat(known, ", ") .. "), not " .. show(given))
    end
    for _, key in ipairs(sorted_keys(given)) do
      if schema[key] == nil then
        local near = nearest(key, known)
        fail(plugin_name, fn .. ': unknown option "' .. sub(key, 1, 100) .. '"; '
          .. (near and 'did you mean "' .. near .. '"?' or "expected one of " .. concat(known, ", ")))
      end
    end
    local options = {}
    for _, key in ipairs(known) do
      local optional = sub(schema[key], -1) == "?"
      local name = optional and sub(schema[key], 1, -2) or schema[key]
      local kind = kinds[name]
      if kind == nil then
        error('the plugin "' .. plugin_name .. '" asks for options of the kind "' .. name
          .. '"; there are: ' .. concat(sorted_keys(kinds), ", "), 2)
      end
      local value = given[key]
      if value == nil and not optional then
        fail(plugin_name, fn .. ": " .. key .. " is missing; expected " .. kind[1])
      elseif value ~= nil and not kind[2](value) then
        fail(plugin_name, fn .. ": " .. key .. " is " .. show(value) .. "; expected " .. kind[1])
      end
      options[key] = value
    end
    return options
  end

  -- What stands for a core module while a plugin's file is run to see what it declares.
  local inert
  inert = setmetatable({}, {
    __index = function() return inert end,
    __call = function() error("a plugin cannot call modules while it is loaded, only in its functions", 2) end,
    __metatable = false,
  })

  -- `secret` as a plugin sees it: only what it declares.
  local function own_secrets(plugin_name, declared)
    local allowed = {}
    for _, name in ipairs(declared) do allowed[name] = true end
    local function check(fn, name)
      if type(name) == "string" and not allowed[name] then
        error('the plugin "' .. plugin_name .. '" reads the secret "' .. sub(name, 1, 100)
          .. '" without declaring it; expected it in needs.secrets of its plugin.lua', 3)
      end
    end
    local module, real = {}, globals.secret
    -- Takes a value and no name; a function that is not known here is not there.
    module.reveal = real.reveal
    for _, fn in ipairs({ "get", "has", "file" }) do
      local call = real[fn]
      if call ~= nil then
        module[fn] = function(name, ...)
          check(fn, name)
          return call(name, ...)
        end
      end
    end
    if real.env ~= nil then
      module.env = function(map, ...)
        if type(map) == "table" then
          local copy = {}
          for key, value in next, map do
            check("env", value)
            copy[key] = value
          end
          map = copy
        end
        return real.env(map, ...)
      end
    end
    return setmetatable({}, {
      __index = module,
      __newindex = function() error("the module secret cannot be changed", 2) end,
      __metatable = false,
    })
  end

  -- `job` as a plugin sees it: who the job proves its identity to is the pipeline's to say.
  local function job_for(plugin_name)
    return setmetatable({}, {
      __index = function(_, key)
        if key ~= "id_token" then return globals.job[key] end
        return function()
          error('the plugin "' .. plugin_name .. '" asks for an identity token; expected it as an option that the '
            .. "pipeline gives it: token = job.id_token(audience)", 2)
        end
      end,
      __newindex = function() error("the module job cannot be changed", 2) end,
      __metatable = false,
    })
  end

  -- A plugin's own files; plugins cannot load each other.
  local function own_require(plugin, env)
    local loaded, loading = {}, {}
    return function(name)
      if type(name) ~= "string" or not find(name, "^[%w_-]+[%w_.-]*$") then
        error('require takes the name of a file of the plugin, such as "lib.url", not ' .. show(name), 2)
      end
      local stem = gsub(name, "%.", "/")
      local path = stem .. ".lua"
      if plugin.files[path] == nil then path = stem .. "/init.lua" end
      local source = plugin.files[path]
      if source == nil then
        error('require("' .. name .. '"): the plugin "' .. plugin.name .. '" has no ' .. stem .. ".lua and no "
          .. stem .. "/init.lua; a plugin can load only its own files", 2)
      end
      if loaded[path] ~= nil then return loaded[path] end
      if loading[path] then error('require("' .. name .. '"): the files require each other: ' .. path, 2) end
      local chunk, problem = load(source, "@plugins/" .. plugin.name .. "/" .. path, "t", env)
      if chunk == nil then error(problem, 0) end
      loading[path] = true
      local ok, value = pcall(chunk, name)
      loading[path] = nil
      if not ok then error(value, 0) end
      if value == nil then value = true end
      loaded[path] = value
      return value
    end
  end

  -- The globals of a plugin. `manifest` nil: every module is there and does nothing.
  local function environment(plugin, manifest)
    local env, allowed = {}, {}
    for key, value in pairs(globals) do
      if not module_names[key] and key ~= "pipeline" and key ~= "_G" then env[key] = value end
    end
    env._G = env
    env.require = own_require(plugin, env)
    env.load = function(chunk, name, mode, ...)
      if select("#", ...) == 0 then return load(chunk, name, mode, env) end
      return load(chunk, name, mode, (...))
    end
    env.print = globals.log and function(...) return globals.log.print(...) end or nil
    env.os = globals.os
    local needs = manifest and manifest.needs or {}
    for _, name in ipairs(needs.modules or {}) do allowed[name] = module_names[name] end
    for name in pairs(allowed) do
      if name == "secret" then env.secret = own_secrets(plugin.name, needs.secrets or {})
      elseif name == "job" then env.job = job_for(plugin.name)
      else env[name] = globals[name] end
    end
    env.plugin = manifest == nil and inert or setmetatable({}, {
      __index = {
        name = plugin.name,
        version = manifest.version,
        image = (needs.images or {})[1],
        options = function(fn, given, schema) return check_options(plugin.name, fn, given, schema) end,
        fail = function(message) fail(plugin.name, tostring(message)) end,
        is_secret = is_secret,
      },
      __newindex = function() error("the table plugin cannot be changed", 2) end,
      __metatable = false,
    })
    return setmetatable(env, {
      __index = function(_, key)
        if not module_names[key] then return nil end
        if manifest == nil then return inert end
        error('the plugin "' .. plugin.name .. '" uses the module ' .. key
          .. " without declaring it; expected " .. key .. " in needs.modules of its plugin.lua", 2)
      end,
      __metatable = false,
    })
  end

  local function run_main(plugin, manifest)
    local chunk, problem = load(plugin.files["plugin.lua"], "@plugins/" .. plugin.name .. "/plugin.lua", "t",
      environment(plugin, manifest))
    if chunk == nil then error(problem, 0) end
    return (chunk(plugin.name))
  end

  -- A copy that no metatable of the plugin has a say in, so that what was checked is what counts.
  local function plain(value, depth)
    if type(value) ~= "table" or depth > 5 then return value end
    local copy = {}
    for key, item in next, value do copy[key] = plain(item, depth + 1) end
    return copy
  end

  -- Whether a manifest is good enough to load the plugin; what is wrong with it is said by Rivet.
  local function is_sound(manifest)
    if type(manifest) ~= "table" or type(manifest.functions) ~= "table" then return false end
    for _, fn in next, manifest.functions do
      if type(fn) ~= "function" then return false end
    end
    local needs = manifest.needs
    if needs == nil then return true end
    if type(needs) ~= "table" then return false end
    for _, field in ipairs({ "modules", "images", "secrets" }) do
      if needs[field] ~= nil and not is_list_of_text(needs[field]) then return false end
    end
    for _, name in ipairs(needs.modules or {}) do
      if not module_names[name] then return false end
    end
    return true
  end

  local function read_only(plugin, functions)
    return setmetatable({}, {
      __index = function(_, key)
        local known = functions[key]
        if known ~= nil then return known end
        local names = sorted_keys(functions)
        local near = nearest(tostring(key), names)
        error('the plugin "' .. plugin.name .. '" has no function ' .. tostring(key) .. "; "
          .. (near and 'did you mean "' .. near .. '"?' or "it has " .. concat(names, ", ")), 2)
      end,
      __newindex = function() error('the plugin "' .. plugin.name .. "\" cannot be changed", 2) end,
      __pairs = function() return next, functions, nil end,
      __metatable = "plugin",
    })
  end

  local plugins, names = {}, {}
  for name, files in pairs(loader.plugins) do
    plugins[name] = { name = name, files = files }
    names[#names + 1] = name
  end
  sort(names)

  local function open(plugin)
    if plugin.exports ~= nil then return plugin.exports end
    plugin.manifest = plain(run_main(plugin, nil), 1)
    -- A pipeline with such a plugin is never valid: Rivet lists the mistakes.
    if not is_sound(plugin.manifest) then plugin.exports = inert return inert end
    local manifest = plain(run_main(plugin, plugin.manifest), 1)
    local functions = {}
    for key in next, plugin.manifest.functions do
      local fn = type(manifest) == "table" and type(manifest.functions) == "table" and manifest.functions[key]
      if type(fn) ~= "function" then
        error('the plugin "' .. plugin.name .. '" returned the function ' .. tostring(key)
          .. " only while it was looked at, and not when it was loaded", 2)
      end
      functions[key] = fn
    end
    plugin.exports = read_only(plugin, functions)
    return plugin.exports
  end

  function _G.require(name)
    if type(name) ~= "string" then return require(name) end
    if own_names[name] or own_names[name .. ".init"] then return require(name) end
    if plugins[name] ~= nil then return open(plugins[name]) end
    local owner = match(name, "^plugins%.([%w_-]+)")
    if owner ~= nil and plugins[owner] ~= nil then
      error('require("' .. sub(name, 1, 100) .. '"): a plugin is loaded by its name: require("' .. owner .. '")', 2)
    end
    if not find(name, "^[%w_-]+[%w_.-]*$") or find(name, "..", 1, true) then return require(name) end
    local stem = gsub(name, "%.", "/")
    local known = {}
    for _, own in ipairs(loader.own) do known[#known + 1] = own end
    for _, plugin in ipairs(names) do known[#known + 1] = plugin end
    local near = nearest(name, known)
    error('require("' .. sub(name, 1, 100) .. '"): there is no ' .. stem .. ".lua and no " .. stem .. "/init.lua beside "
      .. loader.main .. (find(name, ".", 1, true) and "" or ', and no plugin "' .. name .. '"') .. "; "
      .. (near and 'did you mean "' .. near .. '"?' or #known > 0 and "there are: " .. concat(known, ", ", 1, min(#known, 20))
        or "the program has no other files"), 2)
  end

  -- The manifests of all plugins as plain values: { name = { version = …, functions = { … } } }.
  local function manifests()
    local all = {}
    for _, name in ipairs(names) do
      open(plugins[name])
      local manifest = plugins[name].manifest
      if type(manifest) == "table" then
        local copy = {}
        for key, value in next, manifest do copy[tostring(key)] = value end
        if type(copy.functions) == "table" then
          copy.functions = {}
          for key, value in next, manifest.functions do copy.functions[tostring(key)] = type(value) end
        end
        all[name] = copy
      else
        all[name] = type(manifest)
      end
    end
    return all
  end

  return manifests, nearest
end)(...)
