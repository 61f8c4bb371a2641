-- Refuses what git would take for an option, another program or a path outside of the workspace.
local check = {}

local DEFAULT_PROTOCOLS = { "https", "ssh" }
local KNOWN_PROTOCOLS = { https = true, http = true, ssh = true, git = true, file = true }

local function shown(text)
  if #text > 80 then text = text:sub(1, 80) .. "…" end
  return ("%q"):format(text)
end

function check.directory(options)
  local dir = options.dir or "."
  local bad = dir:find("^[/-]") or dir:find("%c") or dir == ""
  for part in dir:gmatch("[^/]+") do bad = bad or part == ".." end
  if bad then
    plugin.fail(options.fn .. ": dir is " .. shown(dir) .. "; expected a relative path below /workspace")
  end
  return dir
end

-- A branch, tag or commit, by the rules of git-check-ref-format, and never an option.
function check.ref(options, key)
  local ref = options[key]
  local bad = #ref > 250 or ref == "" or ref:find("^[-/.]") or ref:find("[%c%s~^:?*%[\\]") or ref:find("..", 1, true)
    or ref:find("@{", 1, true) or ref:find("//", 1, true) or ref:find("[/.]$") or ref:find("%.lock$") or ref == "@"
  if bad then
    plugin.fail(options.fn .. ": " .. key .. " is " .. shown(ref) .. '; expected the name of a branch or tag, or a commit, such as "main"')
  end
end

function check.commit(options)
  local commit = options.commit
  if not commit:find("^%x+$") or (#commit ~= 40 and #commit ~= 64) then
    plugin.fail(options.fn .. ": commit is " .. shown(commit) .. "; expected all 40 (or 64) digits of a commit")
  end
end

function check.remote(options)
  if not options.remote:find("^%w[%w_.-]*$") then
    plugin.fail(options.fn .. ": remote is " .. shown(options.remote) .. '; expected the name of a remote such as "origin"')
  end
end

local function protocols_of(options)
  local allowed = {}
  for _, name in ipairs(options.protocols or DEFAULT_PROTOCOLS) do
    if not KNOWN_PROTOCOLS[name] then
      plugin.fail(options.fn .. ": protocols has " .. shown(name) .. "; expected some of https, ssh, http, git, file")
    end
    allowed[name] = true
  end
  return allowed
end

-- `what` names the URL in messages.
function check.url(options, what)
  what = what or "url"
  local url = options.url
  local function refuse(expected)
    plugin.fail(options.fn .. ": " .. what .. " is " .. shown((url:gsub("//[^/@]*@", "//***@"))) .. "; expected " .. expected)
  end
  if url:find("^%-") or url:find("[%c%s]") or #url > 2000 or url == "" then refuse("the URL of a repository") end
  if url:find("::", 1, true) then refuse("no transport helper: such a URL runs a program") end
  local scheme, rest = url:match("^(%a[%w+.-]*)://(.*)$")
  local protocol = scheme and scheme:lower()
  if protocol == nil then
    -- host:path is SSH, anything else a path on this machine.
    protocol = url:find("^[^/:]+:") and "ssh" or "file"
    rest = url
  end
  local allowed = protocols_of(options)
  if not allowed[protocol] then
    local names = {}
    for name in pairs(allowed) do names[#names + 1] = name end
    table.sort(names)
    refuse("a URL of one of the protocols " .. table.concat(names, ", ") .. "; the option protocols allows others")
  end
  local user = (protocol == "https" or protocol == "http") and rest:match("^([^/@]*)@")
  if user then refuse("no name or password in the URL; give credentials = { username = …, password = secret.get(…) }") end
  local host = protocol == "ssh" and rest:gsub("^[^/@]*@", "") or ""
  if host:find("^%-") or rest:find("^%-") then refuse("a host that does not begin with -") end
end

local CREDENTIAL_FIELDS = { username = "text?", password = "only_secret?", ssh_key = "only_secret?", known_hosts = "text?" }

function check.credentials(options)
  protocols_of(options)
  if options.credentials == nil then return end
  local given = plugin.options(options.fn .. " credentials", options.credentials, CREDENTIAL_FIELDS)
  if (given.password == nil) == (given.ssh_key == nil) then
    plugin.fail(options.fn .. ": credentials has " .. (given.password and "both" or "neither")
      .. " password and ssh_key; expected one of them, as a secret")
  end
  if given.ssh_key and not given.known_hosts then
    plugin.fail(options.fn .. ": credentials.known_hosts is missing; expected the lines of ssh-keyscan for the host, so that nobody can stand in for it")
  end
  if (given.username or ""):find("%c") then
    plugin.fail(options.fn .. ": credentials.username has a control character")
  end
  options.credentials = given
end

check.default_protocols = DEFAULT_PROTOCOLS

return check
