-- Uses every function of the plugin git against repositories in the container: files, and a server that wants a token.
local git = require("git")

local URL = "http://127.0.0.1:7081"
local FILE, HTTP = { "file" }, { "http" }
local AUTHOR = { name = "CI Ünit", email = "ci@example.com" }

local function sh(script)
  return (process.sh(script, { capture_stdout = true, capture_stderr = true }).stdout:gsub("\n$", ""))
end

local function failure(fn, options)
  options.image = false
  local ok, problem = pcall(fn, options)
  return ok and "it was done" or (tostring(problem):gsub("^[^ ]+ ", ""))
end

local function prepare()
  sh([[
    export HOME=/tmp GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
    git config --global init.defaultBranch main; git config --global protocol.file.allow always; git config --global safe.directory '*'
    mkdir -p /tmp/srv && cd /tmp/srv
    git init -q lib && cd lib && echo lib >lib.txt && git add . && git commit -qm lib && cd ..
    git init -q seed && cd seed && mkdir -p docs src/deep
    echo 1 >docs/a.md; echo 2 >src/b.c; echo 3 >src/deep/c.c; git add . && git commit -qm first && git tag v1.0
    git submodule --quiet add ../lib vendor && git commit -qm submodule
    echo more >>src/b.c && git commit -qam 'third ☃'
    git branch side && echo x >side.txt && git add . && git commit -qm fourth
    cd .. && git clone -q --bare seed main.git && git clone -q --bare lib lib.git
    git -C main.git config http.receivepack true; git -C main.git config uploadpack.allowFilter true
    git -C main.git config uploadpack.allowAnySHA1InWant true
    git -C main.git config core.hooksPath /nowhere
    git init -q evil && cd evil && printf '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch%% /tmp/pwned\n' >.gitmodules
    git add . && git update-index --add --cacheinfo 160000,$(git -C ../lib rev-parse HEAD),x && git commit -qm evil
    git update-ref 'refs/heads/--upload-pack=touch /tmp/pwned' HEAD || true
  ]])
end

local function locally()
  local cloned = git.clone({ url = "/tmp/srv/main.git", dir = "full", protocols = FILE, submodules = true, image = false })
  output.set("full", cloned.commit == sh("git --git-dir=/tmp/srv/main.git rev-parse main"))
  output.set("submodule", sh("cat full/vendor/lib.txt"))
  git.clone({ url = "file:///tmp/srv/main.git", dir = "shallow", protocols = FILE, depth = 1, ref = "side", image = false })
  output.set("shallow", sh("git -c safe.directory=* -C shallow rev-list --count HEAD"))
  git.clone({ url = "file:///tmp/srv/main.git", dir = "sparse", protocols = FILE, sparse = { "docs" }, image = false })
  output.set("sparse", sh("cd sparse && ls"))
  git.clone({ url = "file:///tmp/srv/main.git", dir = "at", protocols = FILE, depth = 1, image = false,
    commit = sh("git --git-dir=/tmp/srv/main.git rev-parse v1.0") })
  output.set("at", sh("cd at && ls"))
  output.set("described", git.describe({ dir = "full", match = "v*", image = false }))
  local names = {}
  for index, file in ipairs(git.changed_files({ base = "v1.0", dir = "full", image = false })) do names[index] = file.status .. " " .. file.path end
  output.set("changed", names)
  git.checkout({ ref = "v1.0", dir = "full", image = false })
  local before = git.current({ dir = "full", image = false })
  output.set("detached", before.subject .. " " .. tostring(before.branch))
  git.checkout({ ref = "topic", create = true, from = "origin/side", dir = "full", image = false })
  local current = git.current({ dir = "full", image = false })
  output.set("topic", current.branch .. ": " .. current.subject .. " " .. current.author.name)
  output.set("missing base", failure(git.changed_files, { base = "v0.9", dir = "full" }))
end

local function remotely()
  local token = secret.get("GIT_TOKEN")
  local server = process.spawn({ "python3", "server.py", "/tmp/srv", "7081", "7082", env = { SERVER_TOKEN = token, HOME = "/tmp" } })
  for _ = 1, 100 do
    if #server:logs() > 0 then break end
    time.sleep(0.1)
  end
  local credentials = { username = "ci", password = token }
  local url = URL .. "/main.git"
  git.clone({ url = url, dir = "work", protocols = HTTP, credentials = credentials, image = false })
  process.sh("echo new >work/new.txt; mkdir -p work/.git/hooks; printf '#!/bin/sh\ntouch /tmp/pwned\n' >work/.git/hooks/pre-commit; cp work/.git/hooks/pre-commit work/.git/hooks/pre-push; chmod 755 work/.git/hooks/*")
  local made = git.commit({ message = "Add new.txt\n\n# not a comment", author = AUTHOR, dir = "work", image = false })
  local again = git.commit({ message = "Nothing", author = AUTHOR, dir = "work", image = false })
  output.set("commits", { made.changed, again.changed, made.commit == again.commit })
  git.tag({ name = "v2.0", message = "Two", author = AUTHOR, dir = "work", image = false })
  git.push({ branch = "release", dir = "work", protocols = HTTP, credentials = credentials, image = false })
  git.push({ tag = "v2.0", dir = "work", protocols = HTTP, credentials = credentials, image = false })
  output.set("pushed", sh("git --git-dir=/tmp/srv/main.git log -1 --format='%s|%an|%b' release && git --git-dir=/tmp/srv/main.git describe release"))
  process.sh("echo newer >>work/new.txt")
  git.commit({ message = "Mine", author = AUTHOR, dir = "work", image = false })
  sh("git --git-dir=/tmp/srv/main.git update-ref refs/heads/release main")
  output.set("rejected", failure(git.push, { branch = "main", dir = "shallow", protocols = FILE }))
  output.set("lease", failure(git.push, { branch = "release", force = true, dir = "work", protocols = HTTP, credentials = credentials }))
  git.fetch({ dir = "work", protocols = HTTP, credentials = credentials, image = false })
  git.push({ branch = "release", force = true, dir = "work", protocols = HTTP, credentials = credentials, image = false })
  output.set("without", failure(git.clone, { url = url, dir = "without", protocols = HTTP }))
  output.set("wrong", failure(git.clone, { url = url, dir = "wrong", protocols = HTTP, credentials = { username = "other", password = token } }))
  output.set("moved", failure(git.clone, { url = URL .. "/moved/main.git", dir = "moved", protocols = HTTP, credentials = credentials }))
  output.set("told", sh("cat /tmp/other.log"))
  server:stop()
  -- The token may be in the environment of commands that are over, and nowhere on the disk.
  output.set("on disk", process.sh("grep -rlF -e \"$T\" /workspace /tmp /root 2>/dev/null | wc -l", { env = { T = token }, capture_stdout = true }).stdout:gsub("%s", ""))
end

local function through_ssh()
  local key = secret.get("GIT_TOKEN")
  process.sh("cp ssh /usr/bin/ssh")
  local credentials = { ssh_key = key, known_hosts = "host.example ssh-ed25519 AAAA" }
  git.clone({ url = "ssh://git@host.example/tmp/srv/main.git", dir = "by_ssh", credentials = credentials, image = false })
  git.fetch({ dir = "by_ssh", ref = "side", depth = 1, credentials = credentials, image = false })
  output.set("ssh", sh("cat /tmp/ssh.log"))
  output.set("ssh sum", process.sh("printf '%s\\n' \"$T\" | sha256sum", { env = { T = key }, capture_stdout = true }).stdout)
  output.set("ssh left", process.sh("find / -xdev -name known_hosts | wc -l; grep -rlF -e \"$T\" /tmp /workspace /root | wc -l", { env = { T = key }, capture_stdout = true }).stdout)
end

local function refusals()
  local clone = function(options)
    options.dir = options.dir or "refused"
    return failure(git.clone, options)
  end
  output.set("refusals", {
    clone({ url = "--upload-pack=touch /tmp/pwned" }),
    clone({ url = "ext::sh -c touch% /tmp/pwned", protocols = FILE }),
    clone({ url = "file:///tmp/srv/main.git" }),
    clone({ url = "/tmp/srv/main.git" }),
    clone({ url = "ssh://-oProxyCommand=touch/x" }),
    clone({ url = "-oProxyCommand=touch:x" }),
    clone({ url = "git@-oProxyCommand=touch:x" }),
    clone({ url = "https://user:hunter2@example.com/x.git" }),
    clone({ url = "https://example.com/a b" }),
    clone({ url = "/tmp/srv/main.git", protocols = { "ext" } }),
    clone({ url = "/tmp/srv/main.git", protocols = FILE, ref = "--upload-pack=touch /tmp/pwned" }),
    clone({ url = "/tmp/srv/main.git", protocols = FILE, ref = "a..b" }),
    clone({ url = "/tmp/srv/main.git", protocols = FILE, ref = "nowhere" }),
    clone({ url = "/tmp/srv/main.git", protocols = FILE, commit = "abc" }),
    clone({ url = "/tmp/srv/main.git", protocols = FILE, dir = "../out" }),
    clone({ url = "/tmp/srv/main.git", protocols = FILE, dir = "--bare" }),
    clone({ url = "/tmp/srv/main.git", protocols = FILE, dir = "full" }),
    clone({ url = "/tmp/srv/evil", protocols = FILE, dir = "evil", submodules = true }),
    clone({ url = "https://example.com/x.git", credentials = { password = "plain text" } }),
    clone({ url = "git@example.com:x.git", credentials = { ssh_key = secret.get("GIT_TOKEN") } }),
    failure(git.checkout, { ref = "-f", dir = "full" }),
    failure(git.checkout, { ref = "HEAD@{1}", dir = "full" }),
    failure(git.push, { branch = "main", remote = "--receive-pack=touch", dir = "full", protocols = FILE }),
    failure(git.commit, { message = "m", author = { name = "a\nb", email = "x" }, dir = "full" }),
    failure(git.current, { dir = "out" }),
  })
  output.set("pwned", sh("ls /tmp/pwned 2>/dev/null || echo no"))
end

return pipeline.define({
  name = "git",
  plugins = { "git" },
  secrets = { "GIT_TOKEN" },
  stages = {
    { name = "git", container = "localhost/rivet/plugins:latest", script = function()
      prepare()
      locally()
      remotely()
      through_ssh()
      refusals()
    end },
  },
})
