-- Completes the modules `test` and `mock` and the function `expect`: what the author of a pipeline
-- writes tests with. Nothing in here has an effect but through host calls, which only cases may make.
local module, host = ...
local mock = mock

-- ── texts of values ─────────────────────────────────────────────────────────────────────────────

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
  for key in next, map do keys[#keys + 1] = tostring(key) end
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

-- ── matching ────────────────────────────────────────────────────────────────────────────────────

local SEPARATORS = { [";"] = true, ["&"] = true, ["|"] = true, ["\n"] = true }

-- The words of a command line or script; quotes keep blanks together. What separates commands is a word of its
-- own, and a line end counts as `;`.
local function split(text)
  local words, word, open, comment = {}, nil, nil, false
  local function close()
    words[#words + 1], word = word, nil
  end
  for char in text:gmatch(".") do
    if open then
      if char == open then open = nil else word = word .. char end
    elseif comment then
      comment = char ~= "\n"
    elseif char == "'" or char == '"' then
      open, word = char, word or ""
    elseif SEPARATORS[char] and not (word and word:find("[<>]$")) then
      close()
      local last = words[#words]
      if char == "\n" then char = ";" end
      if last == char and char ~= ";" then words[#words] = last .. char
      elseif not (char == ";" and (last == nil or last == ";")) then words[#words + 1] = char end
    elseif char == "#" and not word then
      comment = true
    elseif char:match("%s") then
      close()
    else
      word = (word or "") .. char
    end
  end
  close()
  if words[#words] == ";" then words[#words] = nil end
  return words
end

-- `*` stands for any text.
local function glob(pattern, text)
  if not pattern:find("*", 1, true) then return pattern == text end
  local escaped = pattern:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*")
  return text:find("^" .. escaped .. "$") ~= nil
end

local function begins(pattern, words, from)
  for index, word in ipairs(pattern) do
    local found = words[(from or 1) + index - 1]
    if found == nil or not glob(word, found) then return false end
  end
  return true
end

local SEPARATOR_WORDS = { [";"] = true, ["&"] = true, ["&&"] = true, ["|"] = true, ["||"] = true }

-- A command begins with these words, or one of a script does.
local function has_words(pattern, command)
  if not command.script and begins(pattern, command.argv) then return true end
  local words = split(command.text)
  for from = 1, command.script and #words or 1 do
    if (from == 1 or SEPARATOR_WORDS[words[from - 1]]) and begins(pattern, words, from) then return true end
  end
  return false
end

local function exactly(list, argv)
  if #list ~= #argv then return false end
  return begins(list, argv)
end

local COMMAND_FIELDS = { stage = true, image = true, cwd = true, pattern = true }

-- A function that says whether a command is meant, and the text that names it.
local function command_matcher(matcher)
  if type(matcher) == "string" then
    local words = split(matcher)
    if #words == 0 then wrong("the command of mock.process", matcher, 'the words it begins with, such as "cargo build"') end
    return function(command) return has_words(words, command) end, quote(matcher)
  elseif type(matcher) == "function" then
    return matcher, "a function"
  elseif type(matcher) ~= "table" then
    wrong("the command of mock.process", matcher, 'words such as "cargo build", a list of all its words, or a function')
  end
  check_keys("the command of mock.process", matcher, COMMAND_FIELDS)
  local list = {}
  for index, word in ipairs(matcher) do list[index] = tostring(word) end
  return function(command)
    if #list > 0 and not exactly(list, command.argv) then return false end
    if matcher.pattern and not command.text:find(matcher.pattern) then return false end
    if matcher.stage and matcher.stage ~= command.stage then return false end
    if matcher.image and not glob(matcher.image, command.image) then return false end
    return matcher.cwd == nil or glob(matcher.cwd, command.cwd)
  end, show(matcher)
end

-- ── mocks ───────────────────────────────────────────────────────────────────────────────────────

local mocks, defaults, files, secrets = {}, {}, {}, {}
local start_time
-- Mocks of the file were made before the case began.
local in_case = false

local Mock = {}

local function mock_handle(entry)
  entry.calls, entry.uses, entry.of_case = {}, 0, in_case
  mocks[#mocks + 1] = entry
  return setmetatable(entry, {
    __index = function(_, key)
      if Mock[key] then return Mock[key] end
      error(("a mock has no %s; it has calls, %s"):format(quote(tostring(key)), keys_of(Mock)))
    end,
    __tostring = function() return entry.shown end,
  })
end

function Mock:once() return self:times(1) end

function Mock:times(count)
  if math.type(count) ~= "integer" or count < 1 then wrong("the count of :times", count, "a whole number from 1") end
  rawset(self, "count", count)
  return self
end

function Mock:optional()
  rawset(self, "may_be_unused", true)
  return self
end

local PROCESS_FIELDS = {
  exit_code = true, stdout = true, stderr = true, duration = true, hangs = true, missing = true, files = true,
}
local HTTP_FIELDS = { status = true, headers = true, body = true, json = true, fails = true }

local function answers_of(what, fields, ...)
  local answers = table.pack(...)
  if answers.n == 0 then answers = { n = 1, {} } end
  for index = 1, answers.n do
    local answer = answers[index]
    if type(answer) == "table" then
      check_keys("the answer of " .. what, answer, fields)
    elseif type(answer) ~= "function" then
      wrong("the answer of " .. what, answer, "a table such as { " .. (fields.status and "status = 200" or "exit_code = 0") .. " }, or a function")
    end
  end
  return answers
end

function mock.process(command, ...)
  local matches, text = command_matcher(command)
  return mock_handle({
    kind = "process",
    matches = matches,
    shown = ("mock.process(%s)"):format(text),
    fields = PROCESS_FIELDS,
    answers = answers_of("mock.process", PROCESS_FIELDS, ...),
  })
end

function mock.http(request, ...)
  local matches, text
  if type(request) == "function" then
    matches, text = request, "a function"
  else
    local method, url = tostring(request):match("^(%u+)%s+(%S+)$")
    if not method then wrong("the request of mock.http", request, 'a method and a URL such as "GET https://example.com/*", or a function') end
    matches = function(asked) return asked.method == method and glob(url, asked.url) end
    text = quote(request)
  end
  return mock_handle({
    kind = "http",
    matches = matches,
    shown = ("mock.http(%s)"):format(text),
    fields = HTTP_FIELDS,
    answers = answers_of("mock.http", HTTP_FIELDS, ...),
  })
end

function mock.default(answer)
  defaults.process = answers_of("mock.default", PROCESS_FIELDS, answer)[1]
end

function mock.secret(name, value)
  if type(name) ~= "string" or name == "" then wrong("the name of mock.secret", name, 'a name such as "NPM_TOKEN"') end
  if type(value) ~= "string" or #value < 4 then wrong("the value of mock.secret", value, "a text of at least 4 bytes") end
  secrets[name] = value
  return secret_marker(name)
end

function mock.file(path, content)
  if type(path) ~= "string" or path == "" then wrong("the path of mock.file", path, "a path below /workspace") end
  if type(content) ~= "string" then wrong("the content of mock.file", content, "a text") end
  files[path] = content
end

function mock.time(start)
  if type(start) ~= "string" and type(start) ~= "number" then
    wrong("the time of mock.time", start, 'seconds since 1970, or text such as "2026-01-31T08:00:00Z"')
  end
  start_time = start
end

-- Mocks of the case go before mocks of the file; among those the first that is not used up.
local function find_mock(kind, request)
  for _, of_case in ipairs({ true, false }) do
    for _, entry in ipairs(mocks) do
      local open = rawget(entry, "count") == nil or entry.uses < rawget(entry, "count")
      if entry.kind == kind and entry.of_case == of_case and open and entry.matches(request) then
        return entry
      end
    end
  end
end

local wrap_command

-- Called by the host for every command and request of the pipeline.
local function answer(kind, request)
  request = wrap_command(request)
  local entry = find_mock(kind, request)
  local reply, fields, what = defaults[kind], PROCESS_FIELDS, "mock.default"
  if entry then
    entry.uses = entry.uses + 1
    entry.calls[#entry.calls + 1] = request
    reply = entry.answers[math.min(entry.uses, entry.answers.n)]
    fields, what = entry.fields, entry.shown
  end
  if type(reply) == "function" then
    reply = reply(request) or {}
    if type(reply) ~= "table" then wrong("what the function of " .. what .. " returned", reply, "a table") end
    check_keys("what the function of " .. what .. " returned", reply, fields)
  end
  return reply, what
end

-- ── what a run left ─────────────────────────────────────────────────────────────────────────────

local commands_mt = { __name = "commands", __metatable = "commands" }

-- Gives secrets their marks back.
function wrap_command(command)
  local texts = command.env or command.headers
  for name, secret in pairs(command.secrets or {}) do texts[name] = secret_marker(secret) end
  command.secrets = nil
  return command
end

local Log = {}

function Log:text() return host.call("test.log", rawget(self, "run"), rawget(self, "stage")) end

function Log:lines()
  local lines = {}
  for line in self:text():gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  return lines
end

function Log:contains(text) return self:text():find(text, 1, true) ~= nil end

local function methods(what, table_of_methods)
  return function(_, key)
    local method = table_of_methods[key]
    if method then return method end
    error(("%s has no %s; it has %s"):format(what, quote(tostring(key)), keys_of(table_of_methods)), 0)
  end
end

local log_mt = { __index = methods("a log", Log), __metatable = "log", __tostring = function(self) return self:text() end }

local function new_log(run, stage) return setmetatable({ run = run, stage = stage }, log_mt) end

local Run = {}

local function lines_of(commands)
  local lines = {}
  for index, command in ipairs(commands) do lines[index] = command.line end
  return setmetatable(lines, commands_mt)
end

local details = setmetatable({}, { __mode = "k" })

function Run:command(command, number)
  local matches, text = command_matcher(command)
  local left = number or 1
  for _, each in ipairs(details[self]) do
    if matches(each) then
      left = left - 1
      if left == 0 then return each end
    end
  end
  local ran = table.concat(self.commands, "\n  ")
  error(("no command of the run is %s; these ran:\n  %s"):format(text, ran == "" and "none" or ran))
end

function Run:file(path) return (host.call("test.file", self.id, path)) end

local run_fields = {}

local run_mt = {
  __metatable = "run",
  __index = function(self, key)
    if Run[key] then return Run[key] end
    if run_fields[key] then return nil end
    error(("a run has no %s; it has %s, %s"):format(quote(tostring(key)), keys_of(run_fields), keys_of(Run)))
  end,
}

for _, name in ipairs({ "state", "reason", "message", "code", "duration", "ran", "stages", "commands", "requests", "outputs", "log", "id" }) do
  run_fields[name] = true
end

local function new_stage(run, stage)
  local commands = {}
  for _, command in ipairs(details[run]) do
    if command.stage == stage.name then commands[#commands + 1] = command end
  end
  stage.commands = lines_of(commands)
  stage.log = new_log(run.id, stage.name)
  return stage
end

local function new_run(record)
  local run = {
    id = record.id, state = record.state, reason = record.reason, message = record.message, code = record.code,
    duration = record.duration, ran = record.ran, outputs = record.outputs, requests = record.requests,
  }
  for _, command in ipairs(record.commands) do wrap_command(command) end
  for _, request in ipairs(record.requests) do wrap_command(request) end
  details[run] = record.commands
  run.commands = lines_of(record.commands)
  run.log = new_log(run.id)
  local stages = {}
  for _, stage in ipairs(record.stages) do stages[stage.name] = new_stage(run, stage) end
  run.stages = setmetatable(stages, {
    __index = function(_, name)
      error(("the pipeline has no stage %s; it has %s"):format(quote(tostring(name)), keys_of(stages)))
    end,
  })
  return setmetatable(run, run_mt)
end

-- ── pipelines and cases ─────────────────────────────────────────────────────────────────────────

local Pipeline = {}

function Pipeline:run(options)
  if not in_case then error("p:run is called outside of a case; put it into test.case(name, function() … end)") end
  return new_run(host.call("test.run", {
    path = self.path,
    options = options or {},
    files = files,
    secrets = secrets,
    time = start_time,
    answer = answer,
  }))
end

function module.pipeline(path)
  if type(path) ~= "string" then wrong("the path of test.pipeline", path, 'the path of a pipeline file, such as "pipeline.lua"') end
  return setmetatable({ path = path }, { __index = methods("a pipeline", Pipeline), __metatable = "pipeline" })
end

local function times(count) return count == 1 and "once" or count .. " times" end

local function count_message(entry, wanted)
  local did = entry.uses == 0 and "never answered" or "answered " .. times(entry.uses)
  return ("%s %s, and was to answer %s"):format(entry.shown, did, wanted == 0 and "never" or times(wanted))
end

local cases, names = {}, {}

local function add_case(name, fn, skipped)
  if type(name) ~= "string" or name == "" then wrong("the name of test.case", name, "a sentence that says what holds") end
  if type(fn) ~= "function" then wrong("the body of test.case", fn, "a function") end
  if names[name] then error(("two cases are called %s"):format(quote(name))) end
  if in_case then error("a case can not be inside of another case") end
  names[name] = true
  cases[#cases + 1] = {
    name = name,
    skipped = skipped,
    fn = function()
      in_case = true
      fn()
      for _, entry in ipairs(mocks) do
        local wanted = rawget(entry, "count")
        if wanted and entry.uses < wanted and not rawget(entry, "may_be_unused") then
          host.call("test.fail", count_message(entry, wanted))
        elseif entry.uses == 0 and entry.of_case and not rawget(entry, "may_be_unused") then
          host.call("test.unused", entry.shown)
        end
      end
    end,
    place = fn,
  }
end

module["case"] = function(name, fn) add_case(name, fn, false) end

function module.skip(name, fn) add_case(name, fn, true) end

-- For the host: the cases in the order of the file.
module["registered cases"] = function() return cases end

function module.print(...)
  local texts = table.pack(...)
  for index = 1, texts.n do texts[index] = tostring(texts[index]) end
  host.call("test.note", table.concat(texts, "\t"))
end

-- ── expectations ────────────────────────────────────────────────────────────────────────────────

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

local expectation_mt = { __index = methods("expect(…)", Expectation), __metatable = "expectation" }

function module.expect(value, label)
  local kind = label or (type(value) == "table" and getmetatable(value) == "log" and "the log") or "the value"
  return setmetatable({ value = value, label = kind }, expectation_mt)
end
