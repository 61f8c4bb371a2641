-- The module `pipeline`: the two ways to write a definition, and what only Lua can check of one.
-- Trusted code: called with the module's table. An error raised here points at the line of the
-- script that called the module.
local pipeline = ...

local type, tostring, select, pcall, pairs, ipairs = type, tostring, select, pcall, pairs, ipairs
local setmetatable, rawget, error = setmetatable, rawget, error
local find, lower, byte = string.find, string.lower, string.byte
local floor, max, min = math.floor, math.max, math.min
local sort = table.sort

local function describe(value)
  local kind = type(value)
  if kind == "nil" then return "nothing" end
  if kind == "string" then return "text" end
  if kind == "boolean" then return "a bool" end
  return "a " .. kind
end

local function expect_table(what, value, example)
  if type(value) ~= "table" then
    error(what .. " takes a table such as " .. example .. ", not " .. describe(value))
  end
  return value
end

-- Which texts match their patterns: true, false, or why Lua could not tell.
local function match_all(pairs_of_text)
  local results = {}
  for index, pair in ipairs(pairs_of_text) do
    local ok, found = pcall(find, pair[1], pair[2])
    if ok then results[index] = found ~= nil else results[index] = tostring(found) end
  end
  return results
end

-- What the file returns. Rivet reads the fields; scripts have no use for them.
local function finished(definition)
  return { definition = definition, match_all = match_all, plugins = plugin_manifests() }
end

function pipeline.define(definition)
  expect_table("pipeline.define", definition, '{ name = "build", stages = { … } }')
  return finished(definition)
end

function pipeline.input(definition)
  return expect_table("pipeline.input", definition, '{ type = "string" }')
end

function pipeline.stage(definition)
  return expect_table("pipeline.stage", definition, '{ name = "build", script = function() … end }')
end

function pipeline.tag(key, value)
  if type(key) ~= "string" or type(value) ~= "string" then
    error('pipeline.tag takes two texts such as "os", "linux", not '
      .. describe(key) .. " and " .. describe(value))
  end
  return { key = key, value = value }
end

local nearest = nearest_name

local methods, method_names = {}, {}
-- The definition of each builder; the builder itself shows nothing but what it is.
local definitions = setmetatable({}, { __mode = "k" })
local NOT_BUILT = "builder without build()"

local function definition_of(builder, method)
  local definition = type(builder) == "table" and definitions[builder]
  if definition == nil or definition == false then
    error("call " .. method .. " with a colon: builder:" .. method .. "(…)")
  end
  if not rawget(builder, NOT_BUILT) then
    error("builder:" .. method .. " was called after build(), which ends the definition")
  end
  return definition
end

local function method(name, body)
  method_names[#method_names + 1] = name
  methods[name] = function(builder, ...)
    local definition = definition_of(builder, name)
    if select("#", ...) == 0 and name ~= "build" then
      error("builder:" .. name .. " needs a value")
    end
    local result = body(definition, ...)
    if result ~= nil then
      builder[NOT_BUILT] = nil
      return result
    end
    return builder
  end
end

local function part(definition, field)
  local value = definition[field]
  if value == nil then
    value = {}
    definition[field] = value
  end
  return value
end

for _, field in ipairs({
  "name", "description", "timeout", "retry", "concurrency", "priority", "weight", "max_queue_age",
  "policy",
}) do
  method(field, function(definition, value) definition[field] = value end)
end

-- Each call adds one item to the list of that field.
local list_fields = {
  tag = "runner", plugin = "plugins", secret = "secrets", id_token = "id_tokens", stage = "stages",
}
for _, name in ipairs({ "tag", "plugin", "secret", "id_token", "stage" }) do
  method(name, function(definition, value)
    if value == nil then error("builder:" .. name .. " needs a value") end
    local items = part(definition, list_fields[name])
    items[#items + 1] = value
  end)
end

-- Each call adds one named value.
local function named(method_name, field, definition, name, value)
  if type(name) ~= "string" then
    error("builder:" .. method_name .. " takes a name first, not " .. describe(name))
  end
  if value == nil then error("builder:" .. method_name .. " needs a value for " .. name) end
  local values = part(definition, field)
  if values[name] ~= nil then
    error("builder:" .. method_name .. " was called twice for " .. name)
  end
  values[name] = value
end

method("input", function(definition, name, value) named("input", "inputs", definition, name, value) end)
method("env", function(definition, name, value) named("env", "env", definition, name, value) end)
method("build", function(definition) return finished(definition) end)
sort(method_names)

local builder_metatable = {
  __index = function(_, key)
    local known = methods[key]
    if known ~= nil then return known end
    local near = nearest(tostring(key), method_names)
    local all = ""
    for index, name in ipairs(method_names) do all = all .. (index > 1 and ", " or "") .. name end
    error("a builder has no method " .. tostring(key)
      .. (near and '; did you mean "' .. near .. '"?' or "; it has " .. all))
  end,
  __newindex = function() error("a builder has no fields to set; call its methods") end,
  __metatable = "builder",
}

function pipeline.builder()
  local builder = setmetatable({ [NOT_BUILT] = true }, builder_metatable)
  definitions[builder] = {}
  return builder
end
