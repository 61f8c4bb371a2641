-- Makes the table that stands for a secret in scripts: it can be passed on, and prints as stars. Put
-- before the source of the modules that return secrets.
local HANDLE = "$secret"
local STARS = "***"
local HOW = "pass it on as it is (env, stdin, a header, secret.file); secret.reveal gives its text"

local metatable = { __metatable = "secret", __name = "secret" }

local function is_secret(value)
  return type(value) == "table" and rawget(value, HANDLE) ~= nil and getmetatable(value) == "secret"
end

local function text_of(value)
  if is_secret(value) then return STARS end
  if type(value) == "string" or type(value) == "number" then return value end
  error("attempt to concatenate a " .. type(value) .. " value", 3)
end

function metatable.__tostring() return STARS end

function metatable.__concat(left, right) return text_of(left) .. text_of(right) end

function metatable.__eq(left, right)
  return is_secret(left) and is_secret(right) and rawget(left, HANDLE) == rawget(right, HANDLE)
end

function metatable.__len() error("the length of a secret is not told; " .. HOW, 2) end

function metatable.__index(_, key)
  if string[key] ~= nil then error("a secret has no text here: " .. HOW, 2) end
  return nil
end

function metatable.__newindex() error("a secret cannot be changed", 2) end

function metatable.__pairs() error("a secret has no fields; " .. HOW, 2) end

-- What the host returned, with its secrets as values that scripts can hold.
local function with_secrets(value)
  if type(value) ~= "table" or getmetatable(value) ~= nil then return value end
  if rawget(value, HANDLE) ~= nil then return setmetatable(value, metatable) end
  for _, entry in next, value do with_secrets(entry) end
  return value
end

