-- Runs git: in its image, with settings of its own, and credentials that no file and no command line has.
local check = require("lib.check")

local run = {}

-- Answers git for the one site that the credentials are meant for, from the environment of this command.
local HELPER = [[!f() { test "$1" = get || exit 0; protocol= host=; while IFS== read -r key value; do
case $key in protocol) protocol=$value ;; host) host=$value ;; esac; done
test "$protocol://$host" = "$GIT_PLUGIN_SITE" || exit 0
printf 'username=%s\npassword=%s\n' "$GIT_PLUGIN_USERNAME" "$GIT_PLUGIN_PASSWORD"; }; f]]

-- Keeps the key in a directory that only this command knows, for as long as it runs.
local WITH_KEY = [[umask 077
keys=$(mktemp -d)
trap 'rm -rf "$keys"' EXIT
printf '%s\n' "$GIT_PLUGIN_KEY" >"$keys/key"
printf '%s\n' "$GIT_PLUGIN_KNOWN_HOSTS" >"$keys/known_hosts"
unset GIT_PLUGIN_KEY
GIT_SSH_COMMAND="ssh -F /dev/null -i $keys/key -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=$keys/known_hosts"
export GIT_SSH_COMMAND
"$@"]]

-- What no repository and no image may decide.
local SETTINGS = {
  { "safe.directory", "*" }, { "core.hooksPath", "/dev/null" }, { "core.fsmonitor", "false" },
  { "advice.detachedHead", "false" }, { "credential.helper", "" }, { "init.defaultBranch", "main" },
}

local function environment(options, more)
  local env = {
    GIT_TERMINAL_PROMPT = "0", GIT_LITERAL_PATHSPECS = "1", LC_ALL = "C",
    GIT_ALLOW_PROTOCOL = table.concat(options.protocols or check.default_protocols, ":"),
    GIT_LFS_SKIP_SMUDGE = options.lfs and "0" or "1",
  }
  for key, value in pairs(more.env or {}) do env[key] = value end
  local settings = { table.unpack(SETTINGS) }
  local credentials = options.credentials
  if credentials and more.site then
    if credentials.password then
      env.GIT_PLUGIN_SITE = more.site:match("^(%a+://[^/]+)") or ""
      env.GIT_PLUGIN_USERNAME = credentials.username or "x-access-token"
      env.GIT_PLUGIN_PASSWORD = credentials.password
      settings[#settings + 1] = { "credential.helper", HELPER }
    else
      env.GIT_PLUGIN_KEY = credentials.ssh_key
      env.GIT_PLUGIN_KNOWN_HOSTS = credentials.known_hosts
    end
  end
  for index, setting in ipairs(settings) do
    env["GIT_CONFIG_KEY_" .. index - 1] = setting[1]
    env["GIT_CONFIG_VALUE_" .. index - 1] = setting[2]
  end
  env.GIT_CONFIG_COUNT = tostring(#settings)
  return env
end

-- more: cwd, stdin, env, site (the URL that the credentials are for), quiet (its output is data), both (and
-- goes to the log).
function run.git(options, args, more)
  more = more or {}
  local env = environment(options, more)
  local argv = { "git", table.unpack(args) }
  if env.GIT_PLUGIN_KEY then argv = { "sh", "-eu", "-c", WITH_KEY, "git", table.unpack(argv) } end
  return process.run({
    cmd = argv[1], args = { table.unpack(argv, 2) }, env = env, cwd = more.cwd or options.dir, stdin = more.stdin,
    timeout = options.timeout, capture_stdout = more.quiet or more.both and "both" or false, capture_stderr = more.quiet and true or "both",
    -- Progress is written there.
    stderr_level = "info",
  })
end

local HINTS = {
  { "Authentication failed", "are the credentials those of this repository?" },
  { "could not read Username", "the repository asks for credentials: give credentials = { password = secret.get(…) }" },
  { "Permission denied %(publickey", "is the key one that the host knows?" },
  { "Host key verification failed", "credentials.known_hosts has no line for this host, or another key" },
  { "transport '%a+' not allowed", "only the protocols of the option protocols are" },
  { "not an empty directory", "choose another dir, or empty it first" },
  { "Remote branch .- not found", "is the name of the branch or tag right?" },
  { "bad revision", "a shallow clone lacks it: clone without depth, or git.fetch({ ref = … }) first" },
  { "unknown revision", "a shallow clone lacks it: clone without depth, or git.fetch({ ref = … }) first" },
  { "no merge base", "a shallow clone lacks it: git.fetch({ unshallow = true }) first" },
  { "not a git repository", "is dir the folder of a clone?" },
  { "stale info", "somebody pushed meanwhile: git.fetch and look at it first" },
  { "%[rejected%]", "somebody pushed meanwhile: git.fetch and look at it, or force = true" },
}

local function reason(result)
  local said = (result.stdout or "") .. (result.stderr or "")
  if result.timed_out then return "it took longer than the timeout" end
  if result.exit_code == 127 then return "the image has no git; give the option image" end
  local hint
  for _, entry in ipairs(HINTS) do
    if said:find(entry[1]) then hint = entry[2] break end
  end
  local lines = {}
  for text in (result.stderr or ""):gmatch("[^\r\n]+") do
    local noise = text:find("^hint:") or text:find("^Cloning into") or text:find("^To ") or text:find("^warning:")
    if not noise then lines[#lines + 1] = text end
  end
  local last = table.concat(lines, "; ", math.max(1, #lines - 2))
  return (last == "" and "exit code " .. result.exit_code or last) .. (hint and " (" .. hint .. ")" or "")
end

-- The result of a command that has to succeed.
function run.ok(options, result)
  if result.exit_code == 0 then return result end
  plugin.fail(options.fn .. ": " .. reason(result))
end

-- Runs `fn` in the image of the plugin; in the container that is open with image = false.
function run.inside(options, fn)
  if options.image == false then return fn() end
  return container.with(options.image or plugin.image, fn)
end

return run
