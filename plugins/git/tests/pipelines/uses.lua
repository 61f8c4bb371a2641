-- A stage for each thing that the tests look at.
local git = require("git")

return pipeline.define({
  name = "uses git",
  plugins = { "git" },
  secrets = { "GIT_TOKEN" },
  stages = {
    { name = "clone", needs = {}, script = function()
      local clone = git.clone({
        url = "https://example.com/a.git", dir = "src", ref = "v1.0", depth = 1,
        credentials = { password = secret.get("GIT_TOKEN") },
      })
      output.set("commit", clone.commit)
    end },
    { name = "push", needs = {}, script = function()
      local credentials = { password = secret.get("GIT_TOKEN") }
      git.clone({ url = "https://example.com/a.git", dir = "src", credentials = credentials })
      git.push({ dir = "src", branch = "main", credentials = credentials })
    end },
    { name = "commit", needs = {}, script = function()
      local made = git.commit({ message = "Say hello", author = { name = "CI", email = "ci@example.com" }, dir = "src" })
      output.set("changed", made.changed)
    end },
    { name = "changed", needs = {}, script = function()
      output.set("files", git.changed_files("main"))
    end },
  },
})
