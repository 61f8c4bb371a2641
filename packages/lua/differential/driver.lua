-- Runs one program and gives everything it printed as one text. The same in Lua and in Rivet.
local NAMES = {
  "assert", "coroutine", "error", "getmetatable", "ipairs", "load", "math", "next", "pairs", "pcall",
  "rawequal", "rawget", "rawlen", "rawset", "select", "setmetatable", "string", "table", "tonumber",
  "tostring", "type", "utf8", "xpcall",
  "bit32", "collectgarbage", "debug", "dofile", "io", "loadfile", "loadstring", "os", "package", "unpack",
}

local function escaped(text)
  return '"' .. text:gsub('[^ !#-Z%[%]^-~]', function(c) return ("\\%03d"):format(c:byte()) end) .. '"'
end

local show

local function entries(t, depth)
  local lines = {}
  for key, value in next, t do
    lines[#lines + 1] = show(key, depth + 1) .. "=" .. show(value, depth + 1)
  end
  table.sort(lines)
  return table.concat(lines, ",")
end

function show(value, depth)
  local kind = type(value)
  if kind == "string" then return escaped(value) end
  if value ~= value then return "NaN" end
  if kind == "number" or kind == "boolean" or kind == "nil" then return tostring(value) end
  if kind ~= "table" then return kind end
  if depth > 3 then return "{...}" end
  return "{" .. entries(value, depth) .. "}"
end

local function shown(first, ...)
  local values = table.pack(...)
  local out = {first}
  for i = 1, values.n do out[#out + 1] = show(values[i], 0) end
  return table.concat(out, " ")
end

return function(source)
  local out, size, muted = {}, 0, false
  local function emit(text)
    if muted then return end
    size = size + 1
    if size <= 2000 then out[size] = text end
  end
  local env = {}
  for _, name in ipairs(NAMES) do env[name] = _G[name] end
  env._G = env
  env.print = function(...)
    local values = table.pack(...)
    for i = 1, values.n do values[i] = tostring(values[i]) end
    emit(table.concat(values, "\t"))
  end
  env.p = function(f, ...) emit(shown("p", pcall(f, ...))) end
  env.mute = function(on) muted = on end
  env.exact = function(value) return string.format("%.17g", value) end
  env.compile = function(text)
    local chunk, message = load(text, "=s", "t", env)
    emit(shown("compile", type(chunk), message))
  end
  local chunk, message = load(source, "=p", "t", env)
  if chunk == nil then return "does not compile: " .. message end
  local ok, failure = pcall(chunk)
  if not ok then emit(shown("failed", failure)) end
  return table.concat(out, "\n")
end
