-- What a value is to be: `expect`.

local Expectation = {}

local function text_of(value)
  if getmetatable(value) == "log" then return value:text() end
  return value
end

-- A text of several lines is compared line by line.
local function shown_pair(expected, actual)
  local lines = type(expected) == "string" and type(actual) == "string" and (expected .. actual):find("\n")
  if lines then return expected, actual end
  return show(expected), show(actual)
end

local function fail(message, expected, actual)
  host.call("test.fail", message, expected, actual)
end

local function called(self) return rawget(self, "label") end

function Expectation:equals(expected)
  local actual = text_of(rawget(self, "value"))
  if same(actual, expected) then return end
  fail(called(self) .. " is not what was expected", shown_pair(expected, actual))
end

function Expectation:differs(from)
  local actual = text_of(rawget(self, "value"))
  if same(actual, from) then fail(called(self) .. " was to differ from " .. show(from)) end
end

local function holds(value, part)
  if getmetatable(value) == "commands" and type(part) == "string" then
    local words = split(part)
    for _, line in ipairs(value) do
      if line == part or begins(words, split(line)) then return true end
    end
    return false
  end
  if type(value) == "string" then return value:find(tostring(part), 1, true) ~= nil end
  if type(value) ~= "table" then wrong("what is asked what it contains", value, "a text, a list, a table or a log") end
  for _, item in ipairs(value) do
    if same(item, part) then return true end
  end
  if type(part) ~= "table" or secret_names[part] or next(part) == nil then return false end
  for key, wanted in next, part do
    if not same(rawget(value, key), wanted) then return false end
  end
  return true
end

function Expectation:contains(part)
  local value = text_of(rawget(self, "value"))
  if holds(value, part) then return end
  local shown = type(value) == "string" and value or show(value)
  fail(("%s does not contain %s"):format(called(self), show(part)), nil, shown)
end

function Expectation:lacks(part)
  local value = text_of(rawget(self, "value"))
  if not holds(value, part) then return end
  local shown = type(value) == "string" and value or show(value)
  fail(("%s contains %s, which it was not to"):format(called(self), show(part)), nil, shown)
end

function Expectation:matches(pattern)
  local value = text_of(rawget(self, "value"))
  if type(value) ~= "string" then wrong("what is held against a pattern", value, "a text or a log") end
  if not value:find(pattern) then fail(("%s does not match the pattern %s"):format(called(self), quote(pattern)), nil, value) end
end

function Expectation:is_true() return self:equals(true) end
function Expectation:is_false() return self:equals(false) end
function Expectation:is_nil() return self:equals(nil) end

function Expectation:is_set()
  if rawget(self, "value") == nil then fail(called(self) .. " is nil, and was to have a value") end
end

function Expectation:is_secret(name)
  local value = rawget(self, "value")
  if secret_names[value] ~= name then
    fail(called(self) .. " is not that secret", ("secret %q (***)"):format(name), show(value))
  end
end

function Expectation:has_length(count)
  local value = rawget(self, "value")
  if #value ~= count then fail(("%s has %d items and was to have %d"):format(called(self), #value, count), nil, show(value)) end
end

function Expectation:was(state, reason)
  local stage = rawget(self, "value")
  if type(stage) ~= "table" or rawget(stage, "state") == nil then wrong("what is asked how it was", stage, "a stage such as run.stages.build, or a run") end
  local is_run = getmetatable(stage) == "run"
  if stage.state ~= state then
    local why = is_run and stage.message or stage.reason
    local what = is_run and "the run" or ("stage " .. quote(stage.name))
    fail(("%s was %s, not %s%s"):format(what, stage.state, state, why and ": " .. why or ""))
  end
  local said = (is_run and stage.message or stage.reason) or ""
  if reason and not said:find(reason, 1, true) then
    fail(("%s was %s for another reason"):format(is_run and "the run" or quote(stage.name), state), reason, said)
  end
end

function Expectation:raises(part)
  local fn = rawget(self, "value")
  if type(fn) ~= "function" then wrong("what is to raise an error", fn, "a function") end
  local ok, problem = pcall(fn)
  if ok then fail("the function raised no error", part and show(part) or "an error", "no error") end
  if part and not tostring(problem):find(part, 1, true) then
    fail("the function raised another error", part, tostring(problem))
  end
end

function Expectation:was_called(count)
  local entry = rawget(self, "value")
  if type(entry) ~= "table" or not entry.shown then wrong("what was to be called", entry, "a mock") end
  count = count or 1
  if entry.uses ~= count then fail(count_message(entry, count)) end
end

check_colons("expectation", "expect(…)", Expectation)

local expectation_mt = { __index = methods("expect(…)", Expectation), __metatable = "expectation" }

function module.expect(value, label)
  local kind = label or (type(value) == "table" and getmetatable(value) == "log" and "the log") or "the value"
  return new_object("expectation", { value = value, label = kind }, expectation_mt)
end

refuse_unknown("test", module)
