-- Completes the module `job`: tokens can be passed on and not be read.
local module, host = ...

function module.id_token(audience)
  return with_secrets(host.call("job.id_token", audience))
end
