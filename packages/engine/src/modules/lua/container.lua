-- Completes the module `container`: what was opened is closed, also on errors.
local module, host = ...

module["with"] = function(options, fn)
  local id = host.call("container.with", options, type(fn))
  local results = table.pack(xpcall(fn, host.keep))
  host.call("container.with_end", id)
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end
