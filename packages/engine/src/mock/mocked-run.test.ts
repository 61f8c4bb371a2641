// What a pipeline does under test: the engine is real, commands and time are not.
import { createLuaEngine, type LuaEngine } from '@rivet/lua';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runFiles } from '../testing/run-files.ts';

let lua: LuaEngine;
beforeAll(() => {
  lua = createLuaEngine({ reuseProcesses: true });
});
afterAll(() => lua.close());

/** Runs one case against a pipeline with these stages; fails when the case does. */
async function passes(stages: string, body: string, definition = ''): Promise<void> {
  const { failures, cases } = await runFiles(lua, {
    'pipeline.lua': `return pipeline.define({ name = "p", ${definition} stages = { ${stages} } })`,
    'pipeline_test.lua': `local p = test.pipeline("pipeline.lua")\ntest.case("it", function()\n${body}\nend)`,
  });
  expect(failures).toEqual({});
  expect(cases.map(({ state }) => state)).toEqual(['passed']);
}

const stage = (name: string, script: string, rest = ''): string =>
  `{ name = "${name}", ${rest} script = function() ${script} end },`;

describe('stages', () => {
  test('a failing one skips those after it, and always stages run', () =>
    passes(
      stage('build', 'process.sh("make")') +
        stage('test', '') +
        stage('clean', 'process.run({ "rm", "x", check = true })', 'always = true,'),
      `mock.process("make", { exit_code = 2, stderr = "no rule\\n" })
       mock.process("rm")
       local run = p:run()
       expect(run):was("failed", "no rule")
       expect(run.reason):equals("stage_failed")
       expect(run.ran):equals({ "build", "clean" })
       expect(run.stages.test):was("skipped", 'stage "build" failed')
       expect(run.stages.clean):was("succeeded")`,
    ));

  test('run again as often as retry says', () =>
    passes(
      stage('flaky', 'process.sh("make")', 'retry = { max = 2 },'),
      `mock.process("make", { exit_code = 1 }, { exit_code = 1 }, {})
       local run = p:run()
       expect(run):was("succeeded")
       expect(run.stages.flaky.runs):equals(3)
       expect(run.commands):equals({ "make", "make", "make" })`,
    ));

  test('tell a summary', () =>
    passes(stage('a', 'job.summary("# Done")'), 'expect(p:run().summary):contains("# Done")'));

  test('one alone runs with what it needs', () =>
    passes(
      stage('a', '') + stage('b', '') + stage('c', '', 'needs = { "a" },'),
      'expect(p:run({ stage = "c" }).ran):equals({ "a", "c" })',
    ));

  test('a condition sees the inputs, checked like those of a launch', () =>
    passes(
      stage('a', '', 'condition = function() return input.get("count") > 2 end,'),
      `expect(p:run({ inputs = { count = 3 } }).ran):equals({ "a" })
       expect(p:run().stages.a):was("skipped", "condition")
       expect(function() p:run({ inputs = { count = "x" } }) end):raises("the input \\"count\\"")
       expect(function() p:run({ inputs = { cuont = 1 } }) end):raises("did you mean")`,
      'inputs = { count = { type = "number", default = 1 } },',
    ));

  test('the policy of the pipeline holds', () =>
    passes(
      stage('a', 'process.run({ "curl", "x" })'),
      `mock.process("curl")
       local run = p:run()
       expect(run):was("failed", "curl")
       expect(run.reason):equals("policy")
       expect(run.commands):equals({})`,
      'policy = { process = { deny = { "curl" } } },',
    ));
});

describe('time', () => {
  test('passes at once where a script sleeps', () =>
    passes(
      stage('a', 'time.sleep("3h") output.set("at", time.iso()) log.info(os.date("%H:%M"))'),
      `mock.time("2026-05-01T10:00:00Z")
       local run = p:run()
       expect(run.outputs.at):equals("2026-05-01T13:00:00.000Z")
       expect(run.duration):equals(3 * 3600)
       expect(run.log):contains("13:00")`,
    ));

  test('of commands at the same time is that of the longest', () =>
    passes(
      stage('a', 'process.run({ "slow", check = true })', 'needs = {},') +
        stage('b', 'process.run({ "slower", check = true })', 'needs = {},') +
        stage(
          'c',
          'process.parallel({ 1, 2, 3 }, function(n) process.run({ "n" .. n, check = true }) time.sleep(1) end)',
          'needs = { "a", "b" },',
        ),
      `mock.process("slow", { duration = "4m" })
       mock.process("slower", { duration = "6m" })
       mock.process("n*", { duration = 9 })
       local run = p:run()
       expect(run):was("succeeded")
       expect(run.stages.a.duration):equals(240)
       expect(run.stages.b.duration):equals(360)
       expect(run.duration):equals(370)`,
    ));

  test('ends a command at its timeout, a stage at its own, and a job', () =>
    passes(
      stage('command', 'output.set("r", process.run({ "hang", timeout = "2m" }))') +
        stage('stage', 'process.run({ "hang" })', 'timeout = "5m", allow_failure = true,') +
        stage('job', 'process.run({ "hang" })'),
      `mock.process("hang", { hangs = true })
       local run = p:run()
       expect(run.outputs.r.exit_code):equals(124)
       expect(run.outputs.r.timed_out):is_true()
       expect(run.stages.stage):was("failed", "did not end within its timeout of 5m")
       expect(run):was("failed", "did not end within its timeout of 1h")
       expect(run.reason):equals("timeout")
       expect(run.duration):equals(3600)`,
      'timeout = "1h",',
    ));

  test('goes on until the job is canceled; always stages still run', () =>
    passes(
      stage('a', 'process.run({ "hang" })') + stage('b', 'log.info("bye")', 'always = true,'),
      `mock.process("hang", { hangs = true })
       local run = p:run({ cancel_after = "90s" })
       expect(run):was("canceled")
       expect(run.duration):equals(90)
       expect(run.stages.b):was("succeeded")
       expect(run.log):contains("bye")`,
    ));

  test('lets a spawned server run beside the script', () =>
    passes(
      stage(
        'a',
        `local server = process.spawn({ "serve" })
         time.sleep(5)
         assert(server:running())
         assert(server:wait("1s") == nil)
         output.set("code", server:stop().exit_code)`,
      ),
      `mock.process("serve", { hangs = true, stdout = "listening\\n" })
       local run = p:run()
       expect(run):was("succeeded")
       expect(run.outputs.code):equals(143)
       expect(run.log):contains("listening")
       expect(run.duration):equals(6)`,
    ));
});

describe('commands', () => {
  test('are seen with their words, place, image, variables and input', () =>
    passes(
      stage(
        'a',
        `container.with("rust:1.80", function()
           process.run({ "cargo", "test", "a b", cwd = "lib", env = { LEVEL = 2 }, stdin = "in", check = true })
         end)`,
      ),
      `mock.process("cargo test", { stdout = "fine\\n" })
       local command = p:run():command("cargo")
       expect(command.line):equals("cargo test 'a b'")
       expect(command.args):equals({ "test", "a b" })
       expect(command.cwd):equals("/workspace/lib")
       expect(command.image):equals("rust:1.80")
       expect(command.env.LEVEL):equals("2")
       expect(command.env.CI):equals("true")
       expect(command.stdin):equals("in")
       expect(command.exit_code):equals(0)
       expect(command.stage):equals("a")
       expect({ command.file, command.source_line }):equals({ "pipeline.lua", 2 })`,
    ));

  test('that are missing have exit code 127', () =>
    passes(
      stage('a', 'output.set("code", process.run({ "nope" }).exit_code)'),
      `mock.process("nope", { missing = true })
       expect(p:run().outputs.code):equals(127)`,
    ));

  test('can leave files, which the next ones and the test find', () =>
    passes(
      stage(
        'a',
        'process.run({ "make", check = true }) fs.append("out/log.txt", fs.read("in.txt"))',
      ),
      `mock.file("in.txt", "from the test")
       mock.process("make", { files = { ["out/log.txt"] = "made; " } })
       local run = p:run()
       expect(run):was("succeeded")
       expect(run:file("out/log.txt")):equals("made; from the test")
       expect(run:file("nothing")):is_nil()`,
    ));

  test('see secrets that the test knows by name only', () =>
    passes(
      stage(
        'a',
        `local token = secret.get("TOKEN")
         process.run({ "push", env = { TOKEN = token }, stdin = token, check = true })
         log.info("with " .. tostring(token))`,
      ),
      `local token = mock.secret("TOKEN", "s3cr3t-value")
       mock.process("push", function(command)
         expect(tostring(command.env.TOKEN)):equals("***")
         return { stdout = "got s3cr3t-value\\n" }
       end)
       local run = p:run()
       expect(run):was("succeeded")
       expect(run:command("push").env.TOKEN):equals(token)
       expect(run:command("push").env.TOKEN):is_secret("TOKEN")
       expect(run:command("push").stdin):equals("***")
       expect(run.log):lacks("s3cr3t-value")`,
      'secrets = { "TOKEN" },',
    ));

  test('find secrets in files, which need no mock', () =>
    passes(
      stage('a', 'process.run({ "ssh", "-i", secret.file("KEY"), check = true })'),
      `mock.secret("KEY", "s3cr3t-value")
       mock.process("ssh")
       local run = p:run()
       expect(run):was("succeeded")
       expect(run:command("ssh").args[2]):matches("^/dev/shm/KEY%-%x+$")
       expect(#run.commands):equals(1)`,
      'secrets = { "KEY" },',
    ));
});

test('an identity token is a value that a test knows by its audience', () =>
  passes(
    stage(
      'a',
      `local token = job.id_token("sts.example.com")
       process.run({ "login", env = { TOKEN = token }, stdin = token, check = true })`,
    ),
    `mock.process("login")
     local run = p:run()
     expect(run):was("succeeded")
     expect(run:command("login").env.TOKEN):is_secret("id_token:sts.example.com")
     expect(run:command("login").stdin):equals("***")`,
    'id_tokens = { "sts.example.com" },',
  ));

test('an input that is a secret is one for the test too', () =>
  passes(
    stage(
      'a',
      'process.run({ "login", env = { PASSWORD = input.get("password") }, check = true })',
    ),
    `mock.process("login")
     local run = p:run({ inputs = { password = "hunter22" } })
     expect(run:command("login").env.PASSWORD):is_secret("password")`,
    'inputs = { password = { type = "string", secret = true } },',
  ));

describe('requests', () => {
  test('are answered by mocks; retries wait in virtual time, redirects are followed', () =>
    passes(
      stage(
        'a',
        `local got = http.get("https://api.example.com/a", { retries = { max = 2, on = { 503 } } })
         output.set("body", got.json().ok)
         output.set("moved", http.get("https://api.example.com/old").body)`,
      ),
      `mock.http("GET https://api.example.com/a",
         { status = 503, headers = { ["Retry-After"] = "7" } }, { json = { ok = true } })
       mock.http("GET */old", { status = 302, headers = { location = "/new" } })
       mock.http("GET */new", { body = "here" })
       local run = p:run()
       expect(run):was("succeeded")
       expect(run.outputs):equals({ body = true, moved = "here" })
       expect(run.duration):equals(7)
       expect(#run.requests):equals(4)
       expect(run.requests[4].line):equals("GET https://api.example.com/new")`,
    ));

  test('that the policy denies never reach a mock', () =>
    passes(
      stage('a', 'http.get("https://other.example.com/")'),
      `mock.http("GET *", {}):optional()
       local run = p:run()
       expect(run):was("failed", "other.example.com")
       expect(run.requests):equals({})`,
      'policy = { http = { allow = { "api.example.com" } } },',
    ));
});

describe('images', () => {
  const BUILD = `container.build({ tag = "registry.example.com/app:1.0", build_args = { V = 2 }, push = true })
    container.with("registry.example.com/app:1.0", function() process.run({ "app", check = true }) end)`;

  test('are built and pushed as mocks say', () =>
    passes(
      stage('a', BUILD),
      `mock.file("Containerfile", "FROM base:1\\nARG V\\n")
       mock.image("build registry.example.com/app:*", { stdout = "STEP 1\\n" })
       mock.image("push *"):once()
       mock.process("app")
       local run = p:run()
       expect(run):was("succeeded")
       expect(run.images[1]):contains({ action = "build", stage = "a", build_args = { V = "2" } })
       expect(run.images[2].line):equals("push registry.example.com/app:1.0")
       expect(run:command("app").image):contains("app:1.0")
       expect(run.log):contains("STEP 1")`,
    ));

  test('that no mock makes fail the case; a build may fail', () =>
    passes(
      stage('a', BUILD),
      `mock.file("Containerfile", "FROM base:1\\n")
       expect(function() p:run() end):raises('mock.image("build registry.example.com/app:1.0")')
       mock.image("build *", { fails = "no space left" })
       expect(p:run()):was("failed", "no space left")`,
    ));
});
