-- The plugin archive: makes, lists and extracts tar, tar.gz, tar.zst and zip files, and believes none of them.
local program = require("lib.program")

local FORMATS = { ["tar"] = true, ["tar.gz"] = true, ["tar.zst"] = true, ["zip"] = true }
local BY_ENDING = { { "%.tar%.gz$", "tar.gz" }, { "%.tgz$", "tar.gz" }, { "%.tar%.zst$", "tar.zst" }, { "%.tar$", "tar" }, { "%.zip$", "zip" } }
local UNITS = { [""] = 1, B = 1, KB = 1e3, MB = 1e6, GB = 1e9, KIB = 1024, MIB = 1024 ^ 2, GIB = 1024 ^ 3 }

local LIMITS = { size_max = 10e9, entries_max = 100000, ratio_max = 1000 }

local function bytes_of(fn, key, value)
  if type(value) == "number" and value >= 1 then return math.floor(value) end
  local number, unit = tostring(value):match("^(%d+%.?%d*)%s?(%a*)$")
  local factor = number and UNITS[unit:upper()]
  if factor == nil then
    plugin.fail(fn .. ": " .. key .. ' is not a size; expected bytes or text such as "500MB"')
  end
  return math.floor(tonumber(number) * factor)
end

local function check_format(fn, format)
  if format ~= nil and not FORMATS[format] then
    plugin.fail(fn .. ": format is " .. ("%q"):format(format) .. "; expected one of tar, tar.gz, tar.zst, zip")
  end
  return format
end

local function reason(result)
  if result.timed_out then return "it took longer than the timeout" end
  if result.exit_code == 127 then return "the image has no python3; give the option image" end
  local said = (result.stderr or ""):match("([^\n]+)\n*$") or ""
  return "the program failed with exit code " .. result.exit_code .. (said ~= "" and ": " .. said or "")
end

-- Runs the program with its options; what it refuses is an error at the line of the caller.
local function perform(fn, options, asked)
  for key, value in pairs(LIMITS) do
    local given = options[key]
    if key == "size_max" and given then given = bytes_of(fn, key, given) end
    asked[key] = math.floor(given or value)
  end
  local function run()
    return process.run({
      cmd = "python3", args = { "-I", "-", json.encode(asked) }, stdin = program,
      capture_stdout = true, capture_stderr = true, timeout = options.timeout or "30m",
    })
  end
  local result
  if options.image == false then result = run()
  else result = container.with(options.image or plugin.image, run) end
  local answer = result.exit_code == 0 and json.decode(result.stdout)
  if not answer then plugin.fail(fn .. ": " .. reason(result)) end
  if answer.refused then plugin.fail(fn .. ": " .. options.file .. ": " .. answer.refused) end
  return answer
end

local COMMON = { file = "text", format = "text?", image = "image?", timeout = "duration?" }
local LIMITED = { size_max = "any?", entries_max = "integer?", ratio_max = "integer?" }

local function read(name, given, ...)
  local schema = {}
  for _, part in ipairs({ COMMON, ... }) do
    for key, kind in pairs(part) do schema[key] = kind end
  end
  local options = plugin.options("archive." .. name, given, schema)
  check_format("archive." .. name, options.format)
  return options
end

local function create(given)
  local options = read("create", given, {
    paths = "list?", from = "text?", exclude = "list?", level = "integer?", mtime = "number?",
  })
  local format = options.format
  for _, entry in ipairs(BY_ENDING) do
    if format == nil and options.file:find(entry[1]) then format = entry[2] end
  end
  if format == nil then
    plugin.fail("archive.create: file is " .. ("%q"):format(options.file) .. "; expected the ending .tar, .tar.gz, .tgz, .tar.zst or .zip, or the option format")
  end
  if options.level and options.level > (format == "tar.zst" and 19 or 9) then
    plugin.fail("archive.create: level is " .. options.level .. "; expected 1 to " .. (format == "tar.zst" and 19 or 9))
  end
  return perform("archive.create", options, {
    action = "create", file = options.file, format = format, from = options.from or ".", paths = options.paths or { "." },
    exclude = options.exclude, level = options.level, mtime = options.mtime and math.floor(options.mtime),
  })
end

local function list(given)
  if type(given) == "string" then given = { file = given } end
  local options = read("list", given, LIMITED)
  return perform("archive.list", options, { action = "list", file = options.file, format = options.format }).entries
end

local function extract(given)
  local options = read("extract", given, LIMITED, { into = "text" })
  return perform("archive.extract", options, {
    action = "extract", file = options.file, format = options.format, into = options.into,
  })
end

return {
  name = "archive",
  version = "1.0.0",
  description = "Makes, lists and extracts tar, tar.gz, tar.zst and zip files; refuses entries that leave the target",
  needs = {
    modules = { "process", "container", "json" },
    images = { "docker.io/library/python:3.14-slim" },
  },
  functions = { create = create, list = list, extract = extract },
}
