-- Completes the module `container`: what was opened is closed, also on errors.
local module, host = ...

module["with"] = function(options, fn)
  local id = host.call("container.with", options, type(fn))
  local results = table.pack(xpcall(fn, host.keep))
  local closed, problem = pcall(host.call, "container.with_end", id)
  -- What went wrong in the container is the news, not that it could not be removed as well.
  if not results[1] then error(results[2], 0) end
  if not closed then error(problem, 0) end
  return table.unpack(results, 2, results.n)
end
