-- Completes the module `yaml`, whose null is that of `json`.
local module, host = ...

function module.encode(value, options)
  reveal(value)
  return host.call("yaml.encode", value, options, json.null)
end

function module.decode(text)
  return host.call("yaml.decode", text, json.null)
end

function module.decode_all(text)
  return host.call("yaml.decode_all", text, json.null)
end
