-- Completes the module `secret`.
local module, host = ...

function module.get(name)
  return with_secrets(host.call("secret.get", name))
end

function module.env(names)
  return with_secrets(host.call("secret.env", names))
end
