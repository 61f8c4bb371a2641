-- How values are written in messages, and what stands for secrets. First of the files that are loaded as one:
-- they complete the modules `test` and `mock` and the function `expect`, which have no effect but through host
-- calls, and those only cases may make.
local module, host = ...
local mock = mock

local secret_names = setmetatable({}, { __mode = "k" })
local secret_values = {}
local SECRET = {
  __tostring = function() return "***" end,
  __concat = function() return "***" end,
  __metatable = "secret",
}

local function secret_marker(name)
  if not secret_values[name] then
    secret_values[name] = setmetatable({}, SECRET)
    secret_names[secret_values[name]] = name
  end
  return secret_values[name]
end

local ESCAPES = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ["\\"] = "\\\\", ['"'] = '\\"' }

local function quote(text)
  return '"' .. text:gsub('[%c\\"]', function(char)
    return ESCAPES[char] or ("\\%03d"):format(char:byte())
  end) .. '"'
end

local function key_order(a, b)
  if type(a) == type(b) and (type(a) == "string" or type(a) == "number") then return a < b end
  return type(a) < type(b)
end

local WIDTH = 72
local show

local function show_key(key)
  if type(key) == "string" and key:match("^[%a_][%w_]*$") then return key .. " = " end
  return "[" .. show(key) .. "] = "
end

-- A value as Lua would be written; a long table takes a line for each of its fields.
function show(value, indent, open)
  if type(value) == "string" then return quote(value) end
  if secret_names[value] then return ("secret %q (***)"):format(secret_names[value]) end
  if type(value) ~= "table" then return type(value) == "function" and "a function" or tostring(value) end
  indent, open = indent or "", open or {}
  if open[value] then return "the table itself" end
  open[value] = true
  local keys, parts = {}, {}
  for key in next, value do keys[#keys + 1] = key end
  table.sort(keys, key_order)
  local inner = indent .. "  "
  for index, key in ipairs(keys) do
    local name = key == index and "" or show_key(key)
    parts[index] = name .. show(rawget(value, key), inner, open)
  end
  open[value] = nil
  if #parts == 0 then return "{}" end
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #indent + #line <= WIDTH and not line:find("\n") then return line end
  return "{\n" .. inner .. table.concat(parts, ",\n" .. inner) .. ",\n" .. indent .. "}"
end

local function same(a, b, seen)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  if secret_names[a] or secret_names[b] then return false end
  seen = seen or {}
  if seen[a] == b then return true end
  seen[a] = b
  for key, value in next, a do
    if not same(value, rawget(b, key), seen) then return false end
  end
  for key in next, b do
    if rawget(a, key) == nil then return false end
  end
  return true
end

local function keys_of(map)
  local keys = {}
  for key in next, map do
    -- A name with a blank is none that a test may use.
    if not tostring(key):find(" ") then keys[#keys + 1] = tostring(key) end
  end
  table.sort(keys)
  return table.concat(keys, ", ")
end

-- Refuses names that nobody reads: a slip would pass for something that was said.
local function check_keys(what, given, known)
  for key in next, given do
    if type(key) == "string" and not known[key] then
      error(("%s has no field %s; it takes %s"):format(what, quote(key), keys_of(known)))
    end
  end
end

local function wrong(what, found, expected)
  error(("%s is %s; expected %s"):format(what, show(found), expected))
end

local objects = setmetatable({}, { __mode = "k" })

-- Makes a table one of a kind whose methods are called with a colon.
local function new_object(kind, object, metatable)
  objects[object] = kind
  return setmetatable(object, metatable)
end

-- Says so when a method is called with a dot; `how` is how an object of the kind is written.
local function check_colons(kind, how, methods)
  for name, method in next, methods do
    methods[name] = function(self, ...)
      if objects[self] ~= kind then error(("%s is called with a colon: %s:%s(…)"):format(name, how, name)) end
      return method(self, ...)
    end
  end
end

-- A module says what it has when it is asked for what it has not.
local function refuse_unknown(name, table_of_functions)
  setmetatable(table_of_functions, {
    __index = function(_, key)
      error(("%s has no %s; it has %s"):format(name, quote(tostring(key)), keys_of(table_of_functions)))
    end,
  })
end
