-- Which commands are meant: words, lists, fields, patterns, functions.

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
