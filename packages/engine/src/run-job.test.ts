// How jobs end and what they tell, with real Lua and a scripted container driver.
import { createFakeDriver, decorateContainer, type FakeDriverOptions } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { checkPipeline } from '@rivet/pipeline';
import { afterAll, describe, expect, it } from 'vitest';
import { readJournal } from './journal/journal-reader.ts';
import { coreModules, globalAliases } from './modules/registry.ts';
import { type RecordedJob, type RecordOptions, recordJob } from './testing/job-recorder.ts';

const lua = createLuaEngine({ reuseProcesses: true });
afterAll(() => lua.close());

type Options = Partial<RecordOptions> & { commands?: FakeDriverOptions['commands'] };

function bundle(fields: string) {
  return {
    main: 'pipeline.lua',
    files: { 'pipeline.lua': `return pipeline.define({ name = "t", ${fields} })\n` },
  };
}

/** Runs a pipeline whose definition has these fields; checks that it left no container. */
async function run(
  fields: string,
  options: Options = {},
): Promise<RecordedJob & { driver: ReturnType<typeof createFakeDriver> }> {
  const driver = createFakeDriver(
    options.commands === undefined ? {} : { commands: options.commands },
  );
  const job = await recordJob({ driver, lua, bundle: bundle(fields), ...options });
  expect(driver.running).toEqual([]);
  return { ...job, driver };
}

/** A pipeline with one stage that has this script. */
const script = (body: string, stage = '') =>
  `stages = { { name = "s", ${stage} script = function() ${body} end } }`;
const text = (job: RecordedJob) => job.lines.map((line) => line.text).join('\n');

describe('a job', () => {
  it('tells its stages, numbers its lines and has its outputs', async () => {
    const job = await run(
      script(
        'print("a", 1, nil) log.warning("b", { x = "y z", n = 2 }) output.set("o", { 1, "x" })',
      ),
    );
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(job.lines).toMatchObject([
      { n: 1, stage: 's', level: 'info', stream: 'log', text: 'a\t1\tnil' },
      { n: 2, level: 'warning', text: 'b x="y z" n=2' },
    ]);
    expect(job.changes).toMatchObject([
      { stage: 's', state: 'running', run: 1 },
      { stage: 's', state: 'succeeded', run: 1 },
    ]);
    expect(job.outputs).toEqual(new Map([['o', [1, 'x']]]));
    expect(job.driver.started).toEqual([]);
  });

  it('starts a command while the line about it is on its way, which still comes first', async () => {
    const asked = Promise.withResolvers<void>();
    const job = await run(script('process.run({ "make" })'), {
      commands: () => {
        asked.resolve();
        return { stdout: 'made\n', stderr: 'of wood\n' };
      },
      onLine: ({ text }) => (text === '$ make' ? asked.promise : undefined),
    });
    expect(job.outcome).toEqual({ state: 'succeeded' });
    const [line, ...printed] = job.lines.slice(-3).map((each) => each.text);
    expect(line).toBe('$ make');
    expect(printed.toSorted()).toEqual(['made', 'of wood']);
  });

  it('journals every host call before and after', async () => {
    let ends: unknown[] = [];
    await run(script('log.info("x") pcall(output.set, "f", print)'), {
      async inspect({ stateDirectory }) {
        const { records, torn } = await readJournal(`${stateDirectory}/journal`);
        expect(torn).toBe(false);
        ends = records.map((record) => [
          record.type,
          record.branch,
          record.sequence,
          record.line,
          'error' in record ? record.error?.code : undefined,
        ]);
      },
    });
    expect(ends).toEqual([
      ['begin', '1-1', 1, 0, undefined],
      ['end', '1-1', 1, 1, undefined],
      ['begin', '1-1', 2, 1, undefined],
      ['end', '1-1', 2, 1, 'RIVET_CALL_ARGUMENT'],
    ]);
  });

  it('says where an error is, with the source line and what to do', async () => {
    const job = await run(script('local t = nil\nlog.info(t.x)'));
    expect(job.outcome).toMatchObject({
      state: 'failed',
      reason: 'lua_error',
      code: 'RIVET_LUA_ERROR',
    });
    expect(job.outcome.message).toContain(
      'stage "s" failed: pipeline.lua:2:13: attempt to index a nil value',
    );
    expect(text(job)).toContain('2 | log.info(t.x)');
    expect(job.lines.every((line) => line.level === 'error' && line.stream === 'system')).toBe(
      true,
    );
  });

  it('fails when the file now defines something else', async () => {
    const checked = await checkPipeline(lua, bundle(script('')), {
      modules: coreModules(),
      globals: globalAliases,
    });
    if (!checked.ok) throw new Error('the pipeline is valid');
    const definition = { ...checked.definition, description: 'another' };
    const job = await run(script(''), { spec: { definition } });
    expect(job.outcome).toMatchObject({ state: 'failed', reason: 'definition_changed' });
    expect(text(job)).toContain('another');
    expect(job.changes).toEqual([]);
  });

  it('fails with all mistakes of an invalid file, without a stage', async () => {
    const job = await run('stages = {}, nme = 1');
    expect(job.outcome).toMatchObject({
      state: 'failed',
      reason: 'lua_error',
      code: 'RIVET_PIPELINE_INVALID',
    });
  });

  it('runs only a stage and what it waits for', async () => {
    const stages = ['a', 'b', 'c'].map(
      (name) => `{ name = "${name}", needs = {}, script = function() end }`,
    );
    const job = await run(
      `stages = { ${stages.join(',')}, { name = "d", needs = { "b" }, script = function() end } }`,
      { spec: { onlyStage: 'd' } },
    );
    expect(job.stages).toEqual({ a: 'skipped', b: 'succeeded', c: 'skipped', d: 'succeeded' });
  });

  it('names the nearest stage when the one that is asked for does not exist', async () => {
    const job = await run('stages = { { name = "build", script = function() end } }', {
      spec: { onlyStage: 'biuld' },
    });
    expect(job.outcome.message).toBe('the pipeline has no stage "biuld"; did you mean "build"?');
  });

  it('keeps what was logged when the limit is reached, stops, and removes its containers', async () => {
    const job = await run(script('while true do process.run({ "noise" }) end'), {
      limits: { logBytesMax: 2000 },
      commands: () => ({ stdout: 'x'.repeat(100) }),
    });
    expect(job.outcome).toMatchObject({
      state: 'failed',
      reason: 'log_limit',
      code: 'RIVET_JOB_LOG_LIMIT',
    });
    expect(job.lines.at(-1)!.text).toContain('reached its limit of 2.0KB');
    expect(job.stages).toEqual({ s: 'failed' });
  });

  it('ends when what it tells cannot be passed on', async () => {
    const job = await run(script('while true do log.info("x") end'), {
      onLine: () => Promise.reject(new Error('the disk is full')),
    });
    expect(job.outcome).toMatchObject({
      state: 'failed',
      reason: 'infrastructure',
      code: 'RIVET_JOB_REPORT',
    });
  });

  it('ends when its journal cannot be written', async () => {
    const job = await run(script(''), { host: { stateDirectory: '/dev/null/state' } });
    expect(job.outcome).toMatchObject({ state: 'failed', reason: 'infrastructure' });
  });
});

describe('the end of a stage', () => {
  const after =
    '{ name = "later", script = function() end }, { name = "clean", always = true, script = function() log.info("clean") end }';

  it('at a CPU limit ends the job; always stages run in a fresh Lua process', async () => {
    const job = await run(
      `stages = { { name = "s", script = function() while true do end end }, ${after} }`,
      {
        limits: { lua: { cpuMs: 300, memoryBytes: 128 * 1024 * 1024 } },
      },
    );
    expect(job.outcome).toMatchObject({
      state: 'failed',
      reason: 'lua_limit',
      code: 'RIVET_LUA_CPU_LIMIT',
    });
    expect(job.stages).toEqual({ s: 'failed', later: 'skipped', clean: 'succeeded' });
  });

  it('at a limit stops the commands of the other stages too, before the always stages run', async () => {
    const job = await run(
      `stages = {
        { name = "a", script = function() process.run({ "forever" }) end },
        { name = "b", needs = {}, script = function() time.sleep(0.3) while true do end end },
        { name = "clean", always = true, script = function() process.run({ "clean" }) end } }`,
      {
        limits: { lua: { cpuMs: 300, memoryBytes: 128 * 1024 * 1024 } },
        commands: ({ argv }) => (argv[0] === 'clean' ? {} : { stdout: 'x', delayMs: Infinity }),
      },
    );
    expect(job.outcome).toMatchObject({ reason: 'lua_limit' });
    expect(job.stages).toEqual({ a: 'failed', b: 'failed', clean: 'succeeded' });
    const texts = job.lines.map((line) => line.text);
    const ended = texts.findIndex((line) => line.startsWith('forever was ended by SIGTERM'));
    expect(ended).toBeGreaterThan(-1);
    expect(texts.indexOf('$ clean')).toBeGreaterThan(ended);
  });

  it('is a cancel when the job is canceled: waiting calls end, always stages run', async () => {
    const cancel = new AbortController();
    const job = await run(
      `stages = { { name = "s", script = function() log.info("go") pcall(time.sleep, 60) log.info("after") end }, ${after} }`,
      {
        signal: cancel.signal,
        onLine: (line) => {
          if (line.text === 'go') cancel.abort();
        },
      },
    );
    expect(job.outcome).toEqual({ state: 'canceled', message: 'the job was canceled' });
    expect(job.stages).toEqual({ s: 'canceled', later: 'canceled', clean: 'succeeded' });
    expect(job.lines.map((line) => line.text)).toEqual(['go', 'after', 'clean']);
  });

  it('comes to a running command as TERM, and as KILL after the grace', async () => {
    const job = await run(`timeout = 0.2, ${script('process.run({ "stubborn" })')}`, {
      limits: { killGraceMs: 100 },
      commands: () => ({ delayMs: Number.POSITIVE_INFINITY, ignores: ['TERM'] }),
    });
    expect(job.outcome).toMatchObject({
      state: 'failed',
      reason: 'timeout',
      code: 'RIVET_JOB_TIMEOUT',
    });
    expect(job.stages).toEqual({ s: 'failed' });
  });

  it('comes by a cancel while Lua computes for ever, long before the limit of CPU time', async () => {
    const cancel = new AbortController();
    const job = await run(
      `stages = { { name = "s", script = function() print("up") while true do end end },
      { name = "clean", always = true, script = function() print("clean") end } }`,
      {
        signal: cancel.signal,
        // The test would time out if it had to wait for that.
        limits: { lua: { cpuMs: 600_000, memoryBytes: 64 * 1024 * 1024 } },
        onLine: (line) => {
          if (line.text === 'up') cancel.abort();
        },
      },
    );
    expect(job.outcome.state).toBe('canceled');
    expect(job.stages).toMatchObject({ s: 'canceled', clean: 'succeeded' });
  });

  it('comes at its timeout while Lua computes for ever, and the stage runs again in a fresh process', async () => {
    const job = await run(
      `stages = {
        { name = "s", timeout = "100ms", retry = { max = 1, on = { "timeout" } }, allow_failure = true,
          script = function() print("up") while true do end end },
        { name = "later", script = function() print("later") end },
      }`,
      // The test would time out if it had to wait for that.
      { limits: { lua: { cpuMs: 600_000, memoryBytes: 64 * 1024 * 1024 } } },
    );
    expect(job.outcome.state).toBe('succeeded');
    expect(job.stages).toEqual({ s: 'failed', later: 'succeeded' });
    const info = job.lines.filter(({ level }) => level === 'info').map(({ text }) => text);
    expect(info).toEqual(['up', 'up', 'later']);
  });

  it.each([
    ['a cancel', 'state: canceled', ''],
    ['its timeout', 'state: failed', 'timeout = 0.1, '],
  ])(
    'comes by %s while Lua computes for ever; always stages run in a fresh process',
    async (_, outcome, limit) => {
      const cancel = new AbortController();
      const job = await run(
        `stages = { { name = "s", ${limit} script = function() print("up") while true do end end },
        { name = "clean", always = true, script = function() print("clean") end } }`,
        {
          signal: cancel.signal,
          limits: { lua: { cpuMs: 500, memoryBytes: 64 * 1024 * 1024 } },
          onLine: (line) => {
            if (line.text === 'up' && limit === '') cancel.abort();
          },
        },
      );
      expect(`state: ${job.outcome.state}`).toBe(outcome);
      expect(job.stages.clean).toBe('succeeded');
    },
  );

  it('comes to an always stage when its grace after a cancel is over', async () => {
    const cancel = new AbortController();
    cancel.abort();
    const job = await run(
      'stages = { { name = "clean", always = true, script = function() time.sleep(60) end } }',
      {
        signal: cancel.signal,
        limits: { cancelGraceMs: 200 },
      },
    );
    expect(job.outcome.state).toBe('canceled');
    expect(job.stages).toEqual({ clean: 'canceled' });
  });

  it('comes at its timeout, whatever the script catches', async () => {
    const job = await run(script('pcall(time.sleep, 60) return "fine"', 'timeout = "100ms",'));
    expect(job.outcome).toMatchObject({
      state: 'failed',
      reason: 'timeout',
      code: 'RIVET_STAGE_TIMEOUT',
    });
  });

  it('comes although the script catches why it is stopped and goes on for ever', async () => {
    const body =
      'while true do pcall(process.parallel, { 1 }, function() container.with("i", function() time.sleep(60) end) end) end';
    const job = await run(script(body, 'timeout = "300ms",'));
    expect(job.outcome).toMatchObject({ code: 'RIVET_STAGE_TIMEOUT' });
  });

  it('has the exit codes that nobody looked at, with their lines', async () => {
    const body = `
      process.run({ "one" })
      local seen = process.run({ "two" })
      assert(seen.exit_code == 7)
      local listed = process.run({ "three" })
      for key in pairs(listed) do end
      local encoded = json.decode(json.encode(process.run({ "four" })))
      assert(encoded.exit_code == 7 and encoded.timed_out == false)
      output.set("result", process.run({ "five" }))`;
    const job = await run(script(body), { commands: () => ({ exitCode: 7 }) });
    expect(job.outcome.state).toBe('succeeded');
    expect(job.changes.at(-1)).toMatchObject({ state: 'succeeded', unchecked_exits: 1 });
    expect(job.lines.at(-1)).toMatchObject({
      level: 'warning',
      text: expect.stringContaining(
        'pipeline.lua:2: one exited with code 7 and nothing looked at it',
      ),
    });
    expect(job.outputs.get('result')).toMatchObject({ exit_code: 7 });
  });

  it.each([
    ['retry = { max = 2 },', 'process.sh("x")', 3],
    ['retry = { max = 2, on = { "stage_failed" } },', 'error("flaky")', 3],
    ['retry = { max = 2, on = { "timeout" } },', 'process.sh("x")', 1],
    ['retry = { max = 1 }, timeout = 0.2,', 'time.sleep(60)', 2],
    ['retry = { max = 1, on = { "stage_failed" } }, timeout = 0.2,', 'time.sleep(60)', 1],
    ['retry = { max = 2 },', 'process.run({ "x", chek = true })', 1],
    ['retry = { max = 2 }, policy = { process = { deny = { "x" } } },', 'process.run({ "x" })', 1],
  ])('runs a stage again for what it says: %s %s', async (fields, body, runs) => {
    const job = await run(script(body, fields), { commands: () => ({ exitCode: 1 }) });
    expect(job.outcome.state).toBe('failed');
    expect(Math.max(...job.changes.map((change) => change.run ?? 0))).toBe(runs);
  });

  it('waits before it runs a stage again, and not once it is canceled', async () => {
    const failing = { commands: () => ({ exitCode: 1 }) };
    const waited = await run(
      script('process.sh("x")', 'retry = { max = 1, delay = 0.05 },'),
      failing,
    );
    expect(text(waited)).toContain('run 1 of 2 failed; the stage runs again in 50ms');
    const canceled = new AbortController();
    const job = await run(script('process.sh("x")', 'retry = { max = 1, delay = "1h" },'), {
      ...failing,
      signal: canceled.signal,
      onLine: (line) => {
        if (line.text.includes('runs again in')) canceled.abort();
      },
    });
    expect(job.outcome).toMatchObject({ state: 'canceled' });
    expect(job.stages).toEqual({ s: 'canceled' });
  });

  it('may come again with retry, counted from the first run', async () => {
    const job = await run(
      `stages = { { name = "s", retry = { max = 1 }, script = function() process.run({ "x", check = true }) end } }`,
      {
        commands: () => ({ exitCode: 1, stderr: 'why\n' }),
      },
    );
    expect(job.changes.map(({ state, run: count }) => [state, count])).toEqual([
      ['running', 1],
      ['running', 2],
      ['failed', 2],
    ]);
    expect(job.outcome).toMatchObject({
      ...{ reason: 'stage_failed', code: 'RIVET_PROCESS_FAILED', exit_code: 1 },
    });
    expect(job.outcome.message).toContain('x failed with exit code 1:\nwhy');
  });
});

describe('a condition', () => {
  it('skips its stage, sees outputs, and lets those go on that need it', async () => {
    const job = await run(`stages = {
      { name = "a", script = function() output.set("go", false) end },
      { name = "b", condition = function() return output.get("go") end, script = function() end },
      { name = "c", needs = { "b" }, script = function() end } }`);
    expect(job.stages).toEqual({ a: 'succeeded', b: 'skipped', c: 'succeeded' });
    expect(job.changes.find(({ stage }) => stage === 'b')).toMatchObject({
      reason: 'its condition was not met',
    });
  });

  it('cannot run commands', async () => {
    const job = await run(
      script('', 'condition = function() return process.run({ "x" }).exit_code == 0 end,'),
    );
    expect(job.outcome.message).toContain(
      'process.run may not be called in the condition of a stage',
    );
    expect(job.driver.started).toEqual([]);
  });
});

describe('containers', () => {
  it('are started when they are first needed, and the default one only once', async () => {
    const job = await run(`stages = {
      { name = "a", script = function() process.run({ "x" }) end },
      { name = "b", script = function() process.parallel({ 1, 2, 3 }, function() process.run({ "y" }) end) end } }`);
    expect(job.driver.started.map((spec) => spec.image)).toEqual(['localhost/rivet/base:latest']);
    expect(job.driver.commands).toHaveLength(4);
  });

  it('have the environment of pipeline, container and command, each over the one before', async () => {
    const job = await run(
      `env = { A = "pipeline", B = "pipeline", C = "pipeline" }, ${script(
        'container.with({ image = "i", env = { B = "container", C = "container" } }, function() process.run({ "x", env = { C = "command", N = 1 } }) end)',
      )}`,
    );
    expect(job.driver.commands[0]!.env).toMatchObject({
      A: 'pipeline',
      B: 'container',
      C: 'command',
      N: '1',
      CI: 'true',
      RIVET_STAGE: 's',
      RIVET_PIPELINE: 't',
      RIVET_JOB_ID: job.id,
      RIVET_ATTEMPT: '1',
    });
  });

  it('of a read-only stage have a read-only workspace', async () => {
    const job = await run(`stages = {
      { name = "a", script = function() process.run({ "x" }) end },
      { name = "b", readonly = true, script = function() process.run({ "x" }) container.with("i", function() end) end } }`);
    expect(job.driver.started.map((spec) => spec.mounts[0]!.readonly)).toEqual([false, true, true]);
  });

  it('obey the policy, and a denial is the reason of the failure', async () => {
    const job = await run(
      `policy = { container = { images = { "localhost/*" }, network = "none" } }, ${script(
        'process.run({ "x" }) container.with("evil", function() end)',
      )}`,
    );
    expect(job.outcome).toMatchObject({
      state: 'failed',
      reason: 'policy',
      code: 'RIVET_POLICY_DENIED',
    });
    expect(job.driver.started.map((spec) => spec.network)).toEqual(['none']);
  });

  it('that vanish fail the job for infrastructure', async () => {
    const driver = createFakeDriver({ commands: () => ({ delayMs: Number.POSITIVE_INFINITY }) });
    const job = await run(script('process.spawn({ "x" }) log.info("now") process.run({ "y" })'), {
      driver,
      onLine(line) {
        if (line.text === 'now') setImmediate(() => driver.lose(driver.started[0]!.name, 'gone'));
      },
    });
    expect(job.outcome).toMatchObject({ reason: 'infrastructure', code: 'RIVET_CONTAINER_LOST' });
  });
});

describe('a call with wrong arguments', () => {
  it.each([
    [
      'process.run({ "x", chek = true })',
      'process.run has no option "chek"; did you mean "check"?',
    ],
    ['process.run({ "x", cwd = "/etc" })', 'process.run: cwd "/etc" leaves /workspace'],
    ['process.run({})', 'process.run: cmd is nil; expected the program to run'],
    [
      'process.run("make")',
      'process.run: options is "make"; expected a list such as { "make", "test" } or a table of options; process.sh takes the text of a script',
    ],
    [
      'process.run({ "x", cmd = "y" })',
      'process.run: cmd is "y"; expected nothing, as the command is given as a list',
    ],
    [
      'process.run({ "x", true })',
      'process.run: command[2] is true; expected a string without NUL, or a number',
    ],
    [
      'process.run({ "x", timeout = "soon" })',
      'timeout is "soon"; expected seconds or text such as "90s" or "5m"',
    ],
    ['process.run({ "x", env = { RIVET_STAGE = "y" } })', 'a name in env is "RIVET_STAGE"'],
    [
      'process.run({ "x", capture_stdout = "yes" })',
      'capture_stdout is "yes"; expected one of true, false, "both"',
    ],
    ['process.sh()', 'process.sh: script is nil; expected a string without NUL'],
    ['process.sh("x", { cmd = "y" })', 'process.sh has no option "cmd"'],
    ['process.parallel("x", print)', 'process.parallel: items is "string"; expected a list'],
    ['process.parallel({ 1 }, nil)', 'process.parallel: fn is nil; expected a function'],
    ['container.with({}, print)', 'container.with: image is nil; expected the name of an image'],
    ['container.with("x")', 'container.with: fn is nil; expected a function'],
    [
      'container.with({ image = "x", privileged = true }, print)',
      'privileged = true: container.privileged of the installation is not true',
    ],
    [
      'container.with({ image = "x", memory = 1 }, print)',
      'memory is 1; expected a size of at least 6MB',
    ],
    ['log.group("x", 1)', 'log.group: fn is a number; expected a function'],
    ['time.sleep(-1)', 'time.sleep: duration is -1; expected seconds'],
    ['output.set("x", 0/0)', 'output.set: value is NaN'],
    ['output.set("x")', 'output.set: value is nil'],
    ['output.set("", 1)', 'output.set: name is ""'],
    ['output.set("x", ("x"):rep(70000))', 'output "x" would take 68KB; the limit is 64KB'],
    ['output.require("x")', 'output "x" is not set'],
    [
      'json.decode("[1,")',
      'json.decode: the text ends where a value was expected at line 1, column 4',
    ],
    ['os.date("%Q")', 'os.date: format is "%Q"'],
    ['time.now(1)', 'time.now: argument 1 is one too many; expected no arguments'],
  ])('%s says what is wrong', async (call, message) => {
    const job = await run(script(call));
    expect(job.outcome.state).toBe('failed');
    expect(job.outcome.message).toContain(message);
    expect(job.outcome.message).toContain('pipeline.lua:1: ');
    expect(job.driver.started).toEqual([]);
  });
});

describe('an error inside of container.with', () => {
  it('is told with its own line, and with the calls that led to it', async () => {
    const job = await run(
      script(
        '\nlocal function deep()\n  local t = nil\n  return t.x\nend\ncontainer.with("i", function()\n  deep()\nend)',
      ),
    );
    expect(job.outcome.message).toContain('pipeline.lua:4:');
    expect(text(job)).toContain('pipeline.lua:7');
  });
});

describe('process.spawn', () => {
  it('gives a handle that waits, tells its output and stops', async () => {
    const body = `
      local server = process.spawn({ "serve", 8080, cwd = "site" })
      output.set("early", { server:running(), server:wait(0.05) == nil })
      server:signal("HUP")
      local result = server:stop(1)
      output.set("late", { server:running(), result.signal, server:logs(1)[1] })
      local ok, message = pcall(server.stop)
      output.set("colon", message)`;
    const job = await run(script(body), {
      commands: () => ({
        stdout: 'one\ntwo\n',
        delayMs: Number.POSITIVE_INFINITY,
        ignores: ['HUP'],
      }),
    });
    expect(job.outcome.state, text(job)).toBe('succeeded');
    expect(job.driver.commands[0]).toMatchObject({
      argv: ['serve', '8080'],
      cwd: '/workspace/site',
    });
    expect(job.outputs.get('early')).toEqual([true, true]);
    expect(job.outputs.get('late')).toEqual([false, 'SIGTERM', 'two']);
    expect(job.outputs.get('colon')).toContain('handle:stop()');
  });

  it('is stopped with its container, and refuses handles of an ended stage', async () => {
    const job = await run(
      `stages = {
      { name = "a", script = function()
        container.with("i", function() server = process.spawn({ "serve" }) end)
        output.set("running", server:running())
      end },
      { name = "b", script = function() server:running() end } }`,
      {
        commands: () => ({ delayMs: Number.POSITIVE_INFINITY }),
      },
    );
    expect(job.outputs.get('running')).toBe(false);
    expect(job.outcome.message).toContain(
      'handle:running: this command belongs to a stage that has ended',
    );
  });
});

describe('what one stage was given', () => {
  it('means nothing in another, however many that one was given', async () => {
    const job = await run(
      `stages = {
      { name = "a", script = function()
        server, failed = process.spawn({ "serve" }), process.run({ "fail" })
        failed_too = process.run({ "fail" })
      end },
      { name = "b", script = function()
        local own = process.spawn({ "serve" })
        output.set("refused", select(2, pcall(server.stop, server)))
        process.run({ "fail" })
        output.set("codes", { failed.exit_code, failed_too.exit_code })
        output.set("running", own:running())
      end } }`,
      {
        commands: ({ argv }) =>
          argv[0] === 'fail' ? { exitCode: 3 } : { delayMs: Number.POSITIVE_INFINITY },
      },
    );
    expect(job.outcome.state, text(job)).toBe('succeeded');
    expect(job.outputs.get('running')).toBe(true);
    expect(job.outputs.get('refused')).toContain('belongs to a stage that has ended');
    expect(job.outputs.get('codes')).toEqual([3, 3]);
    expect(job.changes.at(-1)).toMatchObject({ stage: 'b', unchecked_exits: 1 });
  });

  it.each(['{ 1, a = 2 }', 'coroutine.create(print)', '_G', '("x"):rep(40000000)'])(
    'may return what cannot leave Lua: %s',
    async (value) => {
      const job = await run(
        `stages = { { name = "s", condition = function() return ${value} end,
           script = function() return ${value} end } }`,
      );
      expect(job.outcome).toEqual({ state: 'succeeded' });
    },
  );

  it.each(['nil', 'false', ''])('skips a stage whose condition returns %j', async (value) => {
    const job = await run(
      `stages = { { name = "s", condition = function() return ${value} end, script = function() end } }`,
    );
    expect(job.stages).toEqual({ s: 'skipped' });
  });
});

describe('a container that cannot be removed', () => {
  const stubborn = () => {
    const fake = createFakeDriver();
    const driver: typeof fake = {
      ...fake,
      async start(...args) {
        const container = await fake.start(...args);
        const remove = async () => {
          await container.remove();
          throw new Error('it stays');
        };
        return decorateContainer(container, { remove });
      },
    };
    return driver;
  };

  it('does not hide what failed in it', async () => {
    const body = 'container.with("i", function() error("the real reason") end)';
    const job = await run(script(body), { driver: stubborn() });
    expect(job.outcome.message).toContain('the real reason');
    const quiet = await run(script('container.with("i", print)'), { driver: stubborn() });
    expect(quiet.outcome.message).toContain('it stays');
  });

  it('does not hide what failed in an item of process.parallel', async () => {
    const open = 'coroutine.wrap(function() container.with("i", coroutine.yield) end)()';
    const body = `process.parallel({ 1 }, function() ${open} error("the real reason") end)`;
    const job = await run(script(body), { driver: stubborn() });
    expect(job.outcome.message).toContain('the real reason');
  });
});

describe('process.parallel', () => {
  it('returns results in order, and puts lines into the section of their item', async () => {
    const job = await run(
      script(`log.group("all", function()
      output.set("r", process.parallel({ 3, 2, 1 }, function(n, i) time.sleep(n / 100) log.info("x") return n * 10 + i end))
    end)`),
    );
    expect(job.outputs.get('r')).toEqual([31, 22, 13]);
    // Which of the branches speaks first is up to the machine.
    const groups = job.lines.map((line) => line.group).toSorted();
    expect(groups).toEqual(['all / 1', 'all / 2', 'all / 3']);
  });

  it('says that a limit of processes was reached, also where the script looks at the exit code', async () => {
    const job = await run(script('output.set("code", process.run({ "make" }).exit_code)'), {
      commands: () => ({ exitCode: 2, cause: 'process-limit' }),
    });
    expect(job.outputs.get('code')).toBe(2);
    expect(job.lines.map((line) => line.text).join('\n')).toContain(
      'make failed after its limit of processes was reached (exit code 2); raise `pids`',
    );
  });

  it('says that a disk is full, also where the script looks at the exit code', async () => {
    const job = await run(script('output.set("code", process.run({ "fill" }).exit_code)'), {
      commands: () => ({ exitCode: 1, cause: 'disk-full' }),
    });
    expect(job.outputs.get('code')).toBe(1);
    expect(job.lines.map((line) => line.text).join('\n')).toContain(
      'fill failed on a full disk (exit code 1); free space where the runner keeps its jobs',
    );
  });

  it('stops the others when one fails, and the failure keeps its kind', async () => {
    const job = await run(
      script(
        'process.parallel({ "slow", "bad" }, function(item) process.run({ item, check = true }) end)',
      ),
      {
        commands: ({ argv }) =>
          argv[0] === 'bad' ? { exitCode: 3 } : { delayMs: Number.POSITIVE_INFINITY },
      },
    );
    expect(job.outcome).toMatchObject({ reason: 'stage_failed', code: 'RIVET_PARALLEL_FAILED' });
    expect(job.outcome.message).toContain(
      'item "bad" (#2) failed: pipeline.lua:1: bad failed with exit code 3',
    );
    expect(job.outcome.message).not.toContain('slow');
  });

  it('runs all items to their end without fail_fast, and names all that failed', async () => {
    const job = await run(
      script(`local done = {}
      local ok, message = pcall(process.parallel, { "a", "b", "c" }, function(item)
        if item ~= "b" then error(item .. " is bad") end
        output.set("b", true)
      end, { fail_fast = false, max = 1 })
      output.set("message", message)`),
    );
    expect(job.outputs.get('b')).toBe(true);
    expect(job.outputs.get('message')).toMatch(
      /"a" \(#1\) failed: .*a is bad\nitem "c" \(#3\) failed: .*c is bad/,
    );
  });

  it.each([
    ['text that is no UTF-8', '"\\xff"'],
    ['an object that cannot be shown', 'setmetatable({}, { __tostring = error })'],
    [
      'an object whose text is no text',
      'setmetatable({}, { __tostring = function() return 7 end })',
    ],
  ])('loses no failure: %s', async (_, value) => {
    const job = await run(script(`process.parallel({ 1 }, function() error(${value}, 0) end)`));
    expect(job.outcome).toMatchObject({ state: 'failed', code: 'RIVET_PARALLEL_FAILED' });
    expect(job.outcome.message).toContain('item "1" (#1) failed: ');
  });

  it('runs items whose names are no UTF-8, long or of several lines, in short sections', async () => {
    const job = await run(
      script(
        `process.parallel({ "\\xff", ("x"):rep(1000), "a\\nb" }, function() print("ran") end, { max = 1 })`,
      ),
    );
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(job.lines.map((line) => line.group)).toEqual(['\ufffd', `${'x'.repeat(100)}…`, 'a b']);
  });

  it('refuses a list whose length is none', async () => {
    const items = 'setmetatable({}, { __len = function() return -1 end })';
    const job = await run(script(`process.parallel(${items}, print)`));
    expect(job.outcome.message).toContain('items is -1; expected a list of at most 10000 items');
  });
});
