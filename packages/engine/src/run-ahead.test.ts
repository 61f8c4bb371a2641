// Jobs whose commands begin before their script has asked for them are as if they had not.
import {
  createFakeDriver,
  decorateContainer,
  decorateDriver,
  type FakeDriverOptions,
  type RunningCommand,
} from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { afterAll, describe, expect, it } from 'vitest';
import { readJournal } from './journal/journal-reader.ts';
import { type RecordOptions, recordJob } from './testing/job-recorder.ts';

const lua = createLuaEngine({ reuseProcesses: true });
afterAll(() => lua.close());

const commands: NonNullable<FakeDriverOptions['commands']> = ({ argv: [program, ...words] }) => ({
  stdout: `${words.join(' ')}\n`,
  exitCode: program === 'fail' ? 3 : 0,
  delayMs: program === 'endless' ? Number.POSITIVE_INFINITY : 10,
});

async function run(stages: string, options: Partial<RecordOptions> = {}) {
  const driver = options.driver ?? createFakeDriver({ commands });
  const source = `return pipeline.define({ name = "t", stages = { ${stages} } })\n`;
  const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': source } };
  return await recordJob({ lua, bundle, ...options, driver });
}

const script = (body: string, fields = ''): string =>
  `{ name = "s", ${fields} script = function() ${body} end }`;

/** What a job did and told, without what differs from run to run. */
async function courseOf(stages: string, runAhead: boolean) {
  const driver = createFakeDriver({ commands });
  let calls: unknown[] = [];
  const job = await run(stages, {
    driver,
    host: { runAhead },
    async inspect({ stateDirectory }) {
      const { records } = await readJournal(`${stateDirectory}/journal`);
      calls = records.map((record) =>
        'name' in record ? [record.name, record.args] : record.type,
      );
    },
  });
  expect(driver.running).toEqual([]);
  return {
    outcome: job.outcome,
    stages: job.stages,
    outputs: [...job.outputs],
    lines: job.lines.map(({ stage, group, text }) =>
      [stage, group, text.replace(/container \S+/, 'container')].join(' | '),
    ),
    commands: driver.commands.map(({ argv, env: { RIVET_JOB_ID: _, ...env }, cwd }) => ({
      argv,
      env,
      cwd,
    })),
    calls,
  };
}

describe('a job tells and does the same', () => {
  const scripts = {
    'in a loop': script('for i = 1, 5 do process.run({ "show", "number " .. i }) end'),
    'where results are looked at': script(`
      local sum = 0
      for i = 1, 3 do
        local result = process.run({ "show", tostring(i) })
        if result.exit_code ~= 0 or result.timed_out then error("no") end
        sum = sum + result.exit_code + i
      end
      output.set("sum", sum)`),
    'where a command fails': script(`
      process.run({ "show", "a" })
      if process.run({ "fail", "b" }).exit_code == 0 then process.run({ "show", "never" })
      else process.run({ "show", "instead" }) end
      process.run({ "fail", "c", check = true })
      process.run({ "show", "never" })`),
    'with helpers, sections and containers': script(`
      local function sh(...) return process.run({ "show", ..., env = { A = "1" }, cwd = "x" }) end
      sh("a") sh("b", "c")
      log.group("inner", function() sh("d") sh("e") end)
      container.with("other:1", function() sh("f") sh("g") end)
      log.mask("hidden-value")
      container.with({ image = "third:1", env = { B = "hidden-value", C = "shown" } }, function() sh("f") sh("g") end)
      sh("h") process.sh("true") process.sh("false", { cwd = "y" })
      for _, item in ipairs({ "i", "j" }) do sh(item) end`),
    'with branches': script(`
      process.run({ "show", "a" })
      process.parallel({ "b", "c" }, function(item) process.run({ "show", item }) end, { max = 1 })
      process.run({ "show", "d" })`),
    'in several stages':
      '{ name = "a", script = function() process.run({ "show", "1" }) process.run({ "show", "2" }) end },' +
      '{ name = "b", needs = { "a" }, script = function() process.run({ "show", "3" }) process.run({ "fail", "4", check = true }) end },' +
      '{ name = "c", needs = { "b" }, always = true, script = function() process.run({ "show", "5" }) process.run({ "show", "6" }) end }',
  };
  it.each(Object.keys(scripts) as (keyof typeof scripts)[])('%s', async (name) => {
    const without = await courseOf(scripts[name], false);
    expect(await courseOf(scripts[name], true)).toEqual(without);
  });
});

/** A driver whose first command ends as the test says, and then begins what was made ready. */
function driverOf(first: (running: RunningCommand, next: Promise<void>) => RunningCommand) {
  const driver = createFakeDriver({ commands });
  const changed = decorateDriver(driver, {
    async start(spec, signal) {
      const container = await driver.start(spec, signal);
      return decorateContainer(container, {
        async run(command, sink) {
          const running = await container.run(command, sink);
          if (command.argv[0] !== 'first') return running;
          const ready = Promise.withResolvers<void>();
          return first(
            {
              ...running,
              async prepareNext(next, nextSink) {
                const begun = container.run(next, nextSink);
                begun.then(() => ready.resolve(), ready.reject);
                return { begun, withdraw: () => {} };
              },
            },
            ready.promise,
          );
        },
      });
    },
  });
  return { driver, changed };
}

describe('the command after one', () => {
  it('has begun when its call is made', async () => {
    const { driver, changed } = driverOf((running, next) => ({
      ...running,
      exit: next.then(() => running.exit),
    }));
    let begun = false;
    await run(script('process.run({ "first" }) process.run({ "show", "second" })'), {
      driver: changed,
      onLine: ({ text }) => {
        if (text === '$ show second') begun = driver.commands.length === 2;
      },
    });
    expect(begun).toBe(true);
    expect(driver.commands.map(({ argv }) => argv[0])).toEqual(['first', 'show']);
  });

  it('says that it had succeeded, also where its timeout came before its output was there', async () => {
    const { changed } = driverOf((running, next) => ({
      ...running,
      exit: Promise.all([next, new Promise((resolve) => setTimeout(resolve, 300))]).then(
        async () => ({ ...(await running.exit), followed: true }),
      ),
    }));
    const job = await run(
      script(`
        local result = process.run({ "first", timeout = "100ms" })
        process.run({ "show", "second" })
        output.set("result", { result.exit_code, result.timed_out })`),
      { driver: changed },
    );
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(job.outputs.get('result')).toEqual([0, false]);
    expect(job.lines.map(({ text }) => text)).not.toContainEqual(
      expect.stringContaining('timeout'),
    );
  });

  it('is stopped with the stage, when the job is canceled before its call is made', async () => {
    const cancel = new AbortController();
    const { driver, changed } = driverOf((running, next) => ({
      ...running,
      exit: next.then(() => {
        cancel.abort();
        return running.exit;
      }),
    }));
    const job = await run(script('process.run({ "first" }) process.run({ "endless", "second" })'), {
      driver: changed,
      signal: cancel.signal,
    });
    expect(job.outcome).toMatchObject({ state: 'canceled' });
    expect(driver.commands.map(({ argv }) => argv[0])).toEqual(['first', 'endless']);
    expect(driver.running).toEqual([]);
  });

  it('is not made ready when that is turned off', async () => {
    let prepared = false;
    const { changed } = driverOf((running) => ({
      ...running,
      async prepareNext() {
        prepared = true;
        return undefined;
      },
      exit: new Promise((resolve) => setTimeout(resolve, 100)).then(() => running.exit),
    }));
    for (const runAhead of [false, true]) {
      await run(script('process.run({ "first" }) process.run({ "show", "second" })'), {
        driver: changed,
        host: { runAhead },
      });
      expect(prepared).toBe(runAhead);
    }
  });
});
