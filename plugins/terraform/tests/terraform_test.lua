-- What terraform is asked to do, and what is made of its answers.
local deploy = test.pipeline("pipelines/deploy.lua")

local SHOWN = [[{"format_version":"1.2","resource_changes":[
  {"address":"a.b","type":"a","change":{"actions":["create"]}},
  {"address":"a.c","type":"a","change":{"actions":["delete","create"]},"action_reason":"replace_because_tainted"},
  {"address":"a.d","type":"a","change":{"actions":["no-op"]}}]}]]

local function command(words)
  return function(asked) return asked.text:find("terraform terraform " .. words, 1, true) ~= nil end
end

local function planned(sum)
  mock.secret("DB_PASSWORD", "correct horse")
  mock.process(command("init"))
  mock.process(command("workspace select"))
  mock.process(command("show"), { stdout = SHOWN })
  mock.process("sha256sum", { stdout = ("0"):rep(64) .. "  x\n" }, { stdout = (sum or ("0"):rep(64)) .. "  x\n" })
end

test.case("plans, says what changes, and applies exactly that plan", function()
  planned()
  mock.process(command("plan"), { exit_code = 2 }):once()
  local apply = mock.process(command("apply")):once()
  mock.process("rm -f")
  local run = deploy:run()
  expect(run):was("succeeded")
  expect(run.outputs.changes):equals({
    { address = "a.b", type = "a", action = "create" },
    { address = "a.c", type = "a", action = "replace", reason = "replace_because_tainted" },
  })
  expect(apply.calls[1].text):contains("-lock-timeout=60s rivet.tfplan")
end)

test.case("gives variables in the environment, secrets as secrets", function()
  planned()
  local plan = mock.process(command("plan"), { exit_code = 0 })
  mock.process(command("apply"))
  mock.process("rm -f")
  deploy:run()
  expect(plan.calls[1].env.TF_VAR_password):is_secret("DB_PASSWORD")
  expect(plan.calls[1].env.TF_VAR_zones):equals('["a","b"]')
  expect(plan.calls[1].text):lacks("password")
end)

test.case("applies no plan that was written over", function()
  planned(("1"):rep(64))
  mock.process(command("plan"), { exit_code = 2 })
  local run = deploy:run()
  expect(run):was("failed", "is not the one that was planned")
  expect(run.stages.apply):was("failed")
end)

test.case("says that a plan is stale", function()
  planned()
  mock.process(command("plan"), { exit_code = 2 })
  mock.process(command("apply"), { exit_code = 1, stderr = "Error: Saved plan is stale\n\nThe given plan file can no longer be applied" })
  expect(deploy:run()):was("failed", "the plan is stale")
end)

test.case("says what Terraform found wrong", function()
  planned()
  mock.process(command("plan"), { exit_code = 1, stderr = "\nError: Invalid reference\n\n  on main.tf line 3\n" })
  expect(deploy:run()):was("failed", "terraform.plan: Invalid reference")
end)
