-- Pipelines and the cases that run them: `test`.

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

check_colons("pipeline", "p", Pipeline)

function module.pipeline(path)
  if type(path) ~= "string" then wrong("the path of test.pipeline", path, 'the path of a pipeline file, such as "pipeline.lua"') end
  return new_object("pipeline", { path = path }, { __index = methods("a pipeline", Pipeline), __metatable = "pipeline" })
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
  if in_case then error("a case cannot be inside of another case") end
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
