-- The plugin git: clone, fetch, checkout, commit, push, and what a repository knows of its history.
local run = require("lib.run")
local check = require("lib.check")
local trust = require("lib.trust")

local git, ok = run.git, run.ok

-- Options that every function has, and those of functions that talk to a remote.
local LOCAL = { dir = "text?", image = "image?", timeout = "duration?" }
local REMOTE = { credentials = "table?", protocols = "list?" }

local function read(name, given, ...)
  local schema = {}
  for _, part in ipairs({ LOCAL, ... }) do
    for key, kind in pairs(part) do schema[key] = kind end
  end
  local options = plugin.options("git." .. name, given, schema)
  options.fn = "git." .. name
  options.dir = check.directory(options)
  if schema.credentials then check.credentials(options) end
  return options
end

local function line(result) return (result.stdout:gsub("\n$", "")) end

local function head(options)
  return line(ok(options, git(options, { "rev-parse", "--verify", "HEAD" }, { quiet = true })))
end

local function append(list, ...)
  for _, item in ipairs({ ... }) do list[#list + 1] = item end
end

local function clone(given)
  local options = read("clone", given, REMOTE, {
    url = "text", ref = "text?", commit = "text?", depth = "integer?", sparse = "list?", submodules = "bool?", lfs = "bool?",
  })
  check.url(options)
  if options.ref and options.commit then
    plugin.fail("git.clone: ref and commit are both given; expected one of them")
  end
  if options.ref then check.ref(options, "ref") end
  if options.commit then check.commit(options) end
  return run.inside(options, function()
    local args = { "clone", "--no-hardlinks", "--template=" }
    if options.depth then append(args, "--depth", tostring(options.depth)) end
    if options.ref then append(args, "--branch", options.ref) end
    if options.sparse then append(args, "--filter=blob:none", "--sparse") end
    if options.sparse or options.commit then append(args, "--no-checkout") end
    append(args, "--", options.url, options.dir)
    ok(options, git(options, args, { cwd = ".", site = options.url }))
    trust.remember(options)
    local remote = { site = options.url }
    if options.commit and options.depth then
      local fetch = { "fetch", "--depth", tostring(options.depth), "origin", options.commit }
      ok(options, git(options, fetch, remote))
    end
    if options.sparse then
      ok(options, git(options, { "sparse-checkout", "set", "--stdin" }, { stdin = table.concat(options.sparse, "\n") .. "\n" }))
    end
    if options.commit then
      ok(options, git(options, { "checkout", "--detach", options.commit, "--" }, remote))
    elseif options.sparse then
      ok(options, git(options, { "checkout" }, remote))
    end
    if options.submodules then
      local update = { "submodule", "update", "--init", "--recursive" }
      if options.depth then append(update, "--depth", tostring(options.depth)) end
      ok(options, git(options, update, remote))
    end
    return { commit = head(options), dir = options.dir }
  end)
end

local function remote_of(options)
  options.remote = options.remote or "origin"
  check.remote(options)
  local found = git(options, { "config", "--get-all", "remote." .. options.remote .. ".url" }, { quiet = true })
  if found.exit_code ~= 0 then
    plugin.fail(options.fn .. ": the repository in " .. options.dir .. " has no remote " .. options.remote)
  end
  options.url = line(found)
  check.url(options, "the URL of the remote " .. options.remote)
  trust.check(options)
  return { site = options.url }
end

local function fetch(given)
  local options = read("fetch", given, REMOTE, { remote = "text?", ref = "text?", depth = "integer?", unshallow = "bool?", tags = "bool?" })
  if options.ref then check.ref(options, "ref") end
  return run.inside(options, function()
    local remote = remote_of(options)
    local args = { "fetch" }
    if options.depth then append(args, "--depth", tostring(options.depth)) end
    if options.unshallow then
      local shallow = ok(options, git(options, { "rev-parse", "--is-shallow-repository" }, { quiet = true }))
      if line(shallow) == "true" then append(args, "--unshallow") end
    end
    if options.tags then append(args, "--tags") end
    append(args, "--", options.remote)
    if options.ref and options.ref:find("^%x+$") and #options.ref >= 40 then
      append(args, options.ref)
    elseif options.ref then
      append(args, "+refs/heads/" .. options.ref .. ":refs/remotes/" .. options.remote .. "/" .. options.ref)
    end
    ok(options, git(options, args, remote))
  end)
end

local function checkout(given)
  if type(given) == "string" then given = { ref = given } end
  local options = read("checkout", given, { ref = "text", create = "bool?", from = "text?" })
  check.ref(options, "ref")
  if options.from then check.ref(options, "from") end
  return run.inside(options, function()
    local args = options.create and { "checkout", "-b", options.ref, options.from or "HEAD", "--" }
      or { "checkout", options.ref, "--" }
    ok(options, git(options, args))
    return { commit = head(options) }
  end)
end

local function person(options)
  local author = options.author
  if type(author.name) ~= "string" or type(author.email) ~= "string"
    or (author.name .. author.email):find("[%c<>]") or author.name == "" or author.email == "" then
    plugin.fail(options.fn .. ': author is not complete; expected { name = "CI", email = "ci@example.com" }')
  end
  return {
    GIT_AUTHOR_NAME = author.name, GIT_AUTHOR_EMAIL = author.email,
    GIT_COMMITTER_NAME = author.name, GIT_COMMITTER_EMAIL = author.email,
  }
end

local function commit(given)
  local options = read("commit", given, { message = "text", author = "table", paths = "list?", allow_empty = "bool?" })
  local env = person(options)
  return run.inside(options, function()
    local add = { "add", "--all", "--" }
    append(add, table.unpack(options.paths or { "." }))
    ok(options, git(options, add))
    local staged = git(options, { "diff", "--cached", "--quiet" }, { quiet = true })
    if staged.exit_code == 0 and not options.allow_empty then return { changed = false, commit = head(options) } end
    local args = { "commit", "--quiet", "--no-verify", "--cleanup=whitespace", "--file=-" }
    if options.allow_empty then append(args, "--allow-empty") end
    ok(options, git(options, args, { stdin = options.message, env = env }))
    return { changed = true, commit = head(options) }
  end)
end

local function tag(given)
  local options = read("tag", given, { name = "text", message = "text?", author = "table?", ref = "text?" })
  check.ref(options, "name")
  if options.ref then check.ref(options, "ref") end
  if options.message and not options.author then
    plugin.fail('git.tag: author is missing; a tag with a message needs one, such as { name = "CI", email = "ci@example.com" }')
  end
  return run.inside(options, function()
    local args = { "tag" }
    if options.message then append(args, "--annotate", "--file=-") end
    append(args, "--", options.name, options.ref or "HEAD")
    ok(options, git(options, args, { stdin = options.message, env = options.author and person(options) }))
  end)
end

local function push(given)
  local options = read("push", given, REMOTE, { remote = "text?", branch = "text?", tag = "text?", force = "bool?" })
  if (options.branch == nil) == (options.tag == nil) then
    plugin.fail("git.push: branch or tag is to be given, and not both")
  end
  check.ref(options, options.branch and "branch" or "tag")
  return run.inside(options, function()
    local remote = remote_of(options)
    local args = { "push", "--porcelain" }
    -- With a lease: what others pushed meanwhile is not lost.
    if options.force then append(args, "--force-with-lease") end
    local refspec = options.branch and ("HEAD:refs/heads/" .. options.branch)
      or ("refs/tags/" .. options.tag .. ":refs/tags/" .. options.tag)
    append(args, "--", options.remote, refspec)
    -- What was rejected, and why, is written with the output.
    remote.both = true
    ok(options, git(options, args, remote))
    return { commit = head(options) }
  end)
end

local function describe(given)
  local options = read("describe", given, { match = "text?", long = "bool?" })
  return run.inside(options, function()
    local args = { "describe", "--tags", "--always", "--dirty" }
    if options.long then append(args, "--long") end
    if options.match then append(args, "--match=" .. options.match) end
    return line(ok(options, git(options, args, { quiet = true })))
  end)
end

local STATUS = { A = "added", M = "modified", D = "deleted", T = "type changed", U = "unmerged" }

local function changed_files(given)
  if type(given) == "string" then given = { base = given } end
  local options = read("changed_files", given, { base = "text", head = "text?", paths = "list?" })
  check.ref(options, "base")
  options.head = options.head or "HEAD"
  check.ref(options, "head")
  return run.inside(options, function()
    local args = { "diff", "--name-status", "-z", "--no-renames", options.base .. "..." .. options.head, "--" }
    append(args, table.unpack(options.paths or {}))
    local result = ok(options, git(options, args, { quiet = true }))
    local files = {}
    for status, path in result.stdout:gmatch("(%u)%d*%z([^%z]+)%z") do
      files[#files + 1] = { path = path, status = STATUS[status] or status }
    end
    return files
  end)
end

local function current(given)
  local options = read("current", given)
  return run.inside(options, function()
    local format = "--format=%H%x00%h%x00%an%x00%ae%x00%at%x00%s%x00%B"
    local result = ok(options, git(options, { "log", "-1", format }, { quiet = true }))
    local branch = git(options, { "symbolic-ref", "--quiet", "--short", "HEAD" }, { quiet = true })
    local fields = {}
    for field in (line(result) .. "\0"):gmatch("([^%z]*)%z") do fields[#fields + 1] = field end
    return {
      commit = fields[1], short = fields[2], branch = branch.exit_code == 0 and line(branch) or nil,
      author = { name = fields[3], email = fields[4] }, time = tonumber(fields[5]),
      subject = fields[6], message = ((fields[7] or ""):gsub("\n+$", "")),
    }
  end)
end

return {
  name = "git",
  version = "1.0.0",
  description = "Clones repositories, commits and pushes, and says what changed",
  needs = {
    modules = { "process", "container" },
    images = { "docker.io/library/buildpack-deps:bookworm-scm" },
  },
  functions = {
    clone = clone, fetch = fetch, checkout = checkout, commit = commit, tag = tag, push = push,
    describe = describe, changed_files = changed_files, current = current,
  },
}
