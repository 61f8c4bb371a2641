-- What answers commands and requests: `mock`.

local mocks, defaults, files, secrets = {}, {}, {}, {}
local start_time
-- Mocks of the file were made before the case began.
local in_case = false

local Mock = {}

local function mock_handle(entry)
  entry.calls, entry.uses, entry.of_case = {}, 0, in_case
  mocks[#mocks + 1] = entry
  return new_object("mock", entry, {
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

check_colons("mock", "mock.process(…)", Mock)

local PROCESS_FIELDS = {
  exit_code = true, stdout = true, stderr = true, duration = true, hangs = true, missing = true, files = true,
}
local IMAGE_FIELDS = { stdout = true, fails = true }
local HTTP_FIELDS = { status = true, headers = true, body = true, json = true, fails = true }

local function answers_of(what, fields, example, ...)
  local answers = table.pack(...)
  if answers.n == 0 then answers = { n = 1, {} } end
  for index = 1, answers.n do
    local answer = answers[index]
    if type(answer) == "table" then
      check_keys("the answer of " .. what, answer, fields)
    elseif type(answer) ~= "function" then
      wrong("the answer of " .. what, answer, "a table such as { " .. example .. " }, or a function")
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
    answers = answers_of("mock.process", PROCESS_FIELDS, "exit_code = 0", ...),
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
    answers = answers_of("mock.http", HTTP_FIELDS, "status = 200", ...),
  })
end

local IMAGE_ACTIONS = { build = true, push = true, pull = true }

function mock.image(image, ...)
  local action, name = tostring(image):match("^(%a+)%s+(%S.*)$")
  if not IMAGE_ACTIONS[action] then
    wrong("the image of mock.image", image, 'build, push or pull and the name of an image, such as "push registry.example.com/app:*"')
  end
  return mock_handle({
    kind = "image",
    matches = function(asked) return asked.action == action and glob(name, asked.image) end,
    shown = ("mock.image(%s)"):format(quote(image)),
    fields = IMAGE_FIELDS,
    answers = answers_of("mock.image", IMAGE_FIELDS, "fails = true", ...),
  })
end

function mock.default(answer)
  defaults.process = answers_of("mock.default", PROCESS_FIELDS, "exit_code = 0", answer)[1]
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

refuse_unknown("mock", mock)
