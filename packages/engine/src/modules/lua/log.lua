-- Completes the module `log`: text of any value, sections that close on errors too.
local module, host = ...

for _, level in ipairs({ "debug", "info", "warning", "error" }) do
  module[level] = function(message, fields)
    reveal(fields)
    host.call("log." .. level, tostring(message), fields)
  end
end

function module.print(...)
  local texts = table.pack(...)
  for index = 1, texts.n do texts[index] = tostring(texts[index]) end
  host.call("log.info", table.concat(texts, "\t"), nil)
end

function module.group(name, fn)
  host.call("log.group", name, type(fn))
  local results = table.pack(xpcall(fn, host.keep))
  host.call("log.group_end")
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end
