-- Inputs keep their type; rules are checked before a job exists. Built with the builder.
return pipeline.builder()
  :name("inputs-of-all-types")
  :input("branch", { type = "string", default = "main", pattern = "^[%w/._-]+$" })
  :input("level", { type = "string", options = { "debug", "release" } })
  :input("jobs", { type = "number", default = 4, min = 1, max = 64, integer = true })
  :input("ratio", { type = "number", default = 0.5 })
  :input("verbose", { type = "bool", required = false })
  :input("targets", { type = "list", items = { type = "string" }, default = { "linux" }, min_items = 1 })
  :input("version", {
    type = "string",
    default = "1.0",
    validate = function(value) return value:match("^%d+%.%d+$") ~= nil, "want X.Y" end,
  })
  :stage({
    name = "types",
    script = function()
      assert(math.type(input.get("jobs")) == "integer" and input.get("jobs") + 1 == 9)
      assert(type(input.get("targets")) == "table" and #input.get("targets") == 2)
      assert(input.get("verbose") == nil and not input.has("verbose"))
      assert(input.get("verbose", false) == false)
      output.set("all", input.all())
      output.set("keys", input.keys())
      output.set("json", json.encode(input.get("targets")))
      local ok, message = pcall(input.require, "verbose")
      assert(not ok and message:find('input "verbose" has no value', 1, true), message)
    end,
  })
  :build()
