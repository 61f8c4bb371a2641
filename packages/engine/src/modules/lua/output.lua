-- Completes the module `output`.
local module, host = ...

function module.set(name, value)
  reveal(value)
  host.call("output.set", name, value)
end
