-- What a run left: stages, commands, requests, log.

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

check_colons("log", "run.log", Log)

local log_mt = { __index = methods("a log", Log), __metatable = "log", __tostring = function(self) return self:text() end }

local function new_log(run, stage) return new_object("log", { run = run, stage = stage }, log_mt) end

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

check_colons("run", "run", Run)

local run_fields = {}

local run_mt = {
  __metatable = "run",
  __index = function(self, key)
    if Run[key] then return Run[key] end
    if run_fields[key] then return nil end
    error(("a run has no %s; it has %s, %s"):format(quote(tostring(key)), keys_of(run_fields), keys_of(Run)))
  end,
}

for _, name in ipairs({ "state", "reason", "message", "code", "duration", "ran", "stages", "commands", "requests", "images", "summary", "outputs", "log", "id" }) do
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
    duration = record.duration, ran = record.ran, outputs = record.outputs, requests = record.requests, images = record.images, summary = record.summary,
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
  return new_object("run", run, run_mt)
end
