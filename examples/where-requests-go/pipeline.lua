-- The script itself asks web services, under rules that no URL gets around: what is not on the public
-- internet is refused in every spelling, and each level of `policy.http` narrows the one above.
local inside = {
  "http://localhost/",
  "http://127.0.0.1:8080/",
  "http://0x7f.1/",
  "http://[::ffff:10.0.0.1]/",
  "http://169.254.169.254/latest/meta-data/",
}

return pipeline.define({
  name = "where-requests-go",
  policy = { http = { rate = 20 } },
  stages = {
    {
      name = "inside",
      script = function()
        local refused = {}
        for index, url in ipairs(inside) do
          local ok, problem = pcall(http.get, url)
          assert(not ok)
          refused[index] = tostring(problem):match("which is not on the public internet") ~= nil
        end
        output.set("refused", refused)
      end,
    },
    {
      name = "narrow",
      needs = { "inside" },
      policy = { http = { allow = { "api.example.com" } } },
      script = function()
        http.download("https://other.example.com/tool", "tool")
      end,
    },
  },
})
