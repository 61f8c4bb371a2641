-- Completes the module `process`: short forms, results that know whether somebody looked at the exit
-- code, handles of spawned commands, parallel branches.
local module, host, branches = ...

-- { "make", "test", check = true } → { "make", "test" }, { check = true }
local function split(options)
  if type(options) ~= "table" then return nil, options end
  local list, named = nil, {}
  for key, value in pairs(options) do
    if type(key) == "number" then
      list = list or {}
      list[key] = value
    else
      named[key] = value
    end
  end
  return list, named
end

local LAZY = { exit_code = true, timed_out = true, signal = true }

-- `unchecked` is the number under which the host remembers a non-zero exit code that nobody looked at.
local function result(values, unchecked)
  if unchecked == nil then return values end
  local hidden = {}
  for key in pairs(LAZY) do
    hidden[key] = values[key]
    values[key] = nil
  end
  local function show(self)
    if hidden == nil then return end
    local shown = hidden
    hidden = nil
    for key in pairs(LAZY) do rawset(self, key, shown[key]) end
    host.call("process.checked", unchecked)
  end
  return setmetatable(values, {
    __index = function(self, key)
      if not LAZY[key] then return nil end
      show(self)
      return rawget(self, key)
    end,
    __pairs = function(self)
      show(self)
      return next, self, nil
    end,
    __metatable = "process.result",
  })
end

function module.run(options)
  return result(host.call("process.run", split(options)))
end

function module.sh(script, options)
  return result(host.call("process.sh", script, options))
end

local handles = setmetatable({}, { __mode = "k" })
local methods = {}

local function id_of(name, handle)
  local id = handles[handle]
  if id == nil then error("handle:" .. name .. " is called with a colon: handle:" .. name .. "()", 3) end
  return id
end

function methods.running(self)
  return host.call("process.handle_running", id_of("running", self))
end

function methods.wait(self, timeout)
  local values, unchecked = host.call("process.handle_wait", id_of("wait", self), timeout)
  return values and result(values, unchecked)
end

function methods.signal(self, name)
  host.call("process.handle_signal", id_of("signal", self), name)
end

function methods.stop(self, grace)
  return (host.call("process.handle_stop", id_of("stop", self), grace))
end

function methods.logs(self, count)
  return host.call("process.handle_logs", id_of("logs", self), count)
end

function module.spawn(options)
  local id, pid = host.call("process.spawn", split(options))
  local handle = setmetatable({ pid = pid }, { __index = methods, __metatable = "process.handle" })
  handles[handle] = id
  return handle
end

-- The text of any error value, whatever its __tostring does. The address in the text of a plain table
-- says nothing, and differs from run to run.
local function text_of(problem)
  local ok, text = pcall(tostring, problem)
  if ok and not tostring(text):find("^table: ") then return tostring(text) end
  return "an error object that is a " .. type(problem)
end

local function label(item, index)
  local kind = type(item)
  if kind == "string" or kind == "number" or kind == "boolean" then return tostring(item) end
  if kind == "table" and type(item.name) == "string" then return item.name end
  return "#" .. index
end

function module.parallel(items, fn, options)
  local count = type(items) == "table" and #items or type(items)
  local group, max, fail_fast = host.call("process.parallel", count, type(fn), options)
  local values, functions = {}, {}
  for index = 1, count do
    local item = items[index]
    functions[index] = function()
      host.call("process.branch", group, index, label(item, index))
      local results = table.pack(xpcall(fn, host.keep, item, index))
      if results[1] then values[index] = results[2] end
      local problem = not results[1] and text_of(results[2]) or nil
      host.call("process.branch_end", group, index, label(item, index), problem)
      if not results[1] then error(results[2], 0) end
    end
  end
  local ends = branches.run(functions, { max = max, fail_fast = fail_fast })
  host.call("process.parallel_end", group)
  -- A failure that did not reach the group must not pass for success.
  for _, branch in ipairs(ends) do
    if not branch.ok and not branch.skipped then error(branch.error, 0) end
  end
  return values
end
