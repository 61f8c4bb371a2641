-- Completes the module `input`: the values of secret inputs can be passed on and not be read.
local module, host = ...

function module.get(...)
  return with_secrets(host.call("input.get", ...))
end

function module.require(name)
  return with_secrets(host.call("input.require", name))
end

function module.all()
  return with_secrets(host.call("input.all"))
end
