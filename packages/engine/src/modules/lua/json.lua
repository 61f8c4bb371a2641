-- Completes the module `json`. `json.null` is a function because functions keep their identity on
-- the way to the host and back.
local module, host = ...

function module.null() end

function module.encode(value, options)
  reveal(value)
  return host.call("json.encode", value, options, module.null)
end

function module.decode(text)
  return host.call("json.decode", text, module.null)
end
