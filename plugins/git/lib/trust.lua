-- Keeps credentials from what a command before may have written into a repository's settings: a program that git
-- would start, a server in between, another address.
local run = require("lib.run")

local trust = {}

-- Lua patterns over the names of settings as git lists them.
local DANGEROUS = {
  "^url%.", "^credential%.", "^https?%.", "^include%.", "^includeif%.", "^gpg%.", "^trace2%.", "^ssh%.", "^protocol%.",
  "^core%.sshcommand$", "^core%.askpass$", "^core%.gitproxy$", "^core%.alternaterefscommand$", "^core%.pager$", "^core%.editor$",
  "^push%.gpgsign$", "^remote%..*%.vcs$", "^remote%..*%.proxy", "^remote%..*%.uploadpack$", "^remote%..*%.receivepack$",
  "^remote%..*%.pushurl$", "^remote%..*%.serveroption$",
}

-- The address that each directory was cloned from in this job, by its remote.
local origins = {}

function trust.remember(options)
  origins[options.dir] = options.url
end

local function dangerous(name)
  for _, pattern in ipairs(DANGEROUS) do
    if name:find(pattern) then return true end
  end
  return false
end

-- Before credentials are given to a command in a repository that was there already.
function trust.check(options)
  if not options.credentials then return end
  local list = run.git(options, { "config", "--list", "--name-only", "--show-scope", "-z" }, { quiet = true })
  run.ok(options, list)
  for scope, name in (list.stdout or ""):gmatch("([^%z]*)%z([^%z]*)%z") do
    if (scope == "local" or scope == "worktree") and dangerous(name:lower()) then
      plugin.fail(options.fn .. ": the settings of the repository in " .. options.dir .. " have " .. name:sub(1, 100)
        .. ", with which they could take the credentials away; expected a clone without it")
    end
  end
  local origin = options.remote == "origin" and origins[options.dir]
  if origin and origin ~= options.url then
    plugin.fail(options.fn .. ": the remote origin of " .. options.dir .. " has another URL than " .. origin:sub(1, 200)
      .. ", which it was cloned from; the credentials are for that one")
  end
end

return trust
