-- What git is asked to do; that it does it is tested against real repositories.
local uses = test.pipeline("pipelines/uses.lua")

local function mocks()
  mock.secret("GIT_TOKEN", "the-token-of-the-test")
  mock.process("git rev-parse", { stdout = ("a"):rep(40) .. "\n" })
end

test.case("clones in its own image, with credentials in the environment alone", function()
  mocks()
  mock.process("git clone"):once()
  local run = uses:run({ stage = "clone" })
  expect(run):was("succeeded")
  local clone = run:command("git clone")
  expect(clone.line):equals("git clone --no-hardlinks --template= --depth 1 --branch v1.0 -- https://example.com/a.git src")
  expect(clone.image):equals("docker.io/library/buildpack-deps:bookworm-scm")
  expect(clone.env.GIT_PLUGIN_PASSWORD):is_secret("GIT_TOKEN")
  expect(clone.env.GIT_PLUGIN_SITE):equals("https://example.com")
  expect(clone.env.GIT_ALLOW_PROTOCOL):equals("https:ssh")
  expect(clone.env.GIT_TERMINAL_PROMPT):equals("0")
  expect(run.outputs.commit):equals(("a"):rep(40))
end)

test.case("keeps credentials from commands that talk to nobody", function()
  mocks()
  mock.process("git clone")
  local run = uses:run({ stage = "clone" })
  expect(run:command("git rev-parse").env.GIT_PLUGIN_PASSWORD):is_nil()
end)

local function pushes(settings, url)
  mocks()
  mock.process("git clone")
  mock.process("git config --get-all", { stdout = (url or "https://example.com/a.git") .. "\n" })
  mock.process("git config --list", { stdout = "command\0credential.helper\0local\0remote.origin.url\0" .. settings })
  mock.process("git push")
  return uses:run({ stage = "push" })
end

test.case("gives credentials to a repository whose settings are harmless", function()
  local run = pushes("local\0branch.main.remote\0global\0http.proxy\0")
  expect(run):was("succeeded")
  expect(run:command("git push").env.GIT_PLUGIN_PASSWORD):is_secret("GIT_TOKEN")
end)

for _, setting in ipairs({ "local core.sshcommand", "local url.ssh://x/.insteadof", "local http.https://example.com/.proxy",
  "local credential.helper", "local remote.origin.pushurl", "worktree core.askpass", "local gpg.program" }) do
  test.case("keeps credentials from settings that a command may have made: " .. setting, function()
    local scope, name = setting:match("(%S+) (.+)")
    local run = pushes(scope .. "\0" .. name .. "\0")
    expect(run):was("failed", "git.push: the settings of the repository in src have " .. name)
    expect(run:command("git config --list").env.GIT_PLUGIN_PASSWORD):is_nil()
  end)
end

test.case("keeps credentials from another address than that of the clone", function()
  expect(pushes("", "https://evil.example/a.git")):was("failed", "has another URL than https://example.com/a.git")
end)

test.case("keeps credentials from a second address", function()
  expect(pushes("", "https://evil.example/a.git\nhttps://example.com/a.git")):was("failed", "the URL of the remote origin")
end)

test.case("says why git failed, at the line of the pipeline", function()
  mocks()
  mock.process("git clone", { exit_code = 128, stderr = "fatal: Authentication failed for 'https://example.com/a.git/'\n" })
  local run = uses:run({ stage = "clone" })
  expect(run):was("failed", "git.clone: fatal: Authentication failed")
  expect(run.message):contains("are the credentials those of this repository?")
end)

test.case("makes no commit when nothing changed", function()
  mocks()
  mock.process("git add")
  mock.process("git diff", { exit_code = 0 })
  local run = uses:run({ stage = "commit" })
  expect(run):was("succeeded")
  expect(run.commands):lacks("git commit")
  expect(run.outputs.changed):is_false()
end)

test.case("gives the message of a commit on standard input", function()
  mocks()
  mock.process("git add")
  mock.process("git diff", { exit_code = 1 })
  mock.process("git commit"):once()
  local run = uses:run({ stage = "commit" })
  local commit = run:command("git commit")
  expect(commit.stdin):equals("Say hello")
  expect(commit.env.GIT_AUTHOR_EMAIL):equals("ci@example.com")
  expect(run.outputs.changed):is_true()
end)

test.case("lists changed files, whatever their names", function()
  mock.process("git diff", { stdout = "M\0a b.txt\0A\0new\nline.txt\0D\0gone.txt\0" })
  local run = uses:run({ stage = "changed" })
  expect(run:command("git diff").line):contains("main...HEAD")
  expect(run.outputs.files):equals({
    { path = "a b.txt", status = "modified" },
    { path = "new\nline.txt", status = "added" },
    { path = "gone.txt", status = "deleted" },
  })
end)
