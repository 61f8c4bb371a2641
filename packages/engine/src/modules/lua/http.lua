-- Completes the module `http`: answers that can be read as JSON.
local module, host = ...

local response = {
  __index = function(self, key)
    if key ~= "json" then return nil end
    return function() return json.decode(self.body) end
  end,
  __metatable = "http.response",
}

function module.request(options)
  reveal(options)
  return setmetatable(host.call("http.request", options, json.null), response)
end

for _, name in ipairs({ "get", "head", "post", "put", "patch", "delete" }) do
  module[name] = function(url, options)
    reveal(options)
    return setmetatable(host.call("http." .. name, url, options, json.null), response)
  end
end
