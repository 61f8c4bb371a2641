// Commands with limits of their own, with a scripted container driver.
import { createFakeDriver, type FakeDriverOptions } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { afterAll, describe, expect, it } from 'vitest';
import { type RecordOptions, recordJob } from '../testing/job-recorder.ts';

const lua = createLuaEngine();
afterAll(() => lua.close());

async function run(
  body: string,
  options: Partial<RecordOptions> & FakeDriverOptions & { stage?: string; fields?: string } = {},
) {
  const { commands, stage = '', fields = '', ...rest } = options;
  const driver = createFakeDriver(commands === undefined ? {} : { commands });
  const source = `return pipeline.define({ name = "t", ${fields} stages = { { name = "s", ${stage} script = function() ${body} end } } })`;
  const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': source } };
  const job = await recordJob({ driver, lua, bundle, ...rest });
  expect(driver.running).toEqual([]);
  return { ...job, driver };
}

describe('a command with limits', () => {
  it('runs beside the innermost container, with the stricter of both limits', async () => {
    const { driver, outcome } = await run(
      'process.run({ "a", limits = { memory = "64MB", pids = 50 } }) process.run({ "b" })',
      { stage: 'container = { image = "i:1", pids = 20, cpus = 2 },' },
    );
    expect(outcome).toEqual({ state: 'succeeded' });
    const [own, beside] = driver.started;
    expect(beside).toMatchObject({
      image: 'i:1',
      beside: own!.name,
      memoryBytes: 64 * 1024 * 1024,
      pids: 20,
      cpus: 2,
    });
    expect(driver.commands.map(({ argv, container }) => [argv[0], container.name])).toEqual([
      ['a', beside!.name],
      ['b', own!.name],
    ]);
  });

  it('gives its container back also when it fails, cannot start, or is stopped', async () => {
    const { driver, outcome } = await run(
      `process.run({ "a", limits = { pids = 5 } })
       pcall(process.run, { "throws", limits = { pids = 5 } })
       local h = process.spawn({ "endless", limits = { pids = 5 } })
       h:stop()
       process.spawn({ "endless", readonly = true })`,
      {
        commands: ({ argv: [program] }) => {
          if (program === 'throws') throw new Error('no');
          return program === 'endless' ? { delayMs: Number.POSITIVE_INFINITY } : { exitCode: 1 };
        },
      },
    );
    expect(outcome).toEqual({ state: 'succeeded' });
    expect(driver.started.filter((spec) => spec.beside !== undefined)).toHaveLength(4);
  });

  it('may not ask for more than the policy allows', async () => {
    const { outcome } = await run('process.run({ "a", limits = { memory = "2GB" } })', {
      fields: 'policy = { limits = { memory = "1GB" } },',
    });
    expect(outcome).toMatchObject({ state: 'failed', reason: 'policy' });
    expect(outcome.message).toContain('memory = 2GB: limits.memory of the pipeline is 1GB');
  });

  it('is told apart when it runs out of its memory', async () => {
    const { outcome } = await run(
      'process.run({ "a", check = true, limits = { memory = "64MB" } })',
      { commands: () => ({ exitCode: 137, cause: 'out-of-memory' }) },
    );
    expect(outcome.message).toContain(
      'it ran out of memory (exit code 137); raise `limits.memory`',
    );
  });

  it.each([
    ['', 'pids'],
    [', limits = { pids = 7 }', 'limits.pids'],
  ])('is told apart when it reaches a limit of processes%s', async (limits, option) => {
    const { outcome } = await run(`process.run({ "a", check = true${limits} })`, {
      commands: () => ({ exitCode: 2, cause: 'process-limit' }),
    });
    expect(outcome.message).toContain(
      `a failed after its limit of processes was reached (exit code 2); raise \`${option}\``,
    );
  });
});

it('a command that may only read has a read-only workspace, the others have not', async () => {
  const { driver } = await run('process.run({ "a", readonly = true }) process.run({ "b" })');
  expect(driver.started.map((spec) => spec.mounts[0]!.readonly)).toEqual([false, true]);
});

it('containers have the mounts that the script asks for', async () => {
  const { driver } = await run(
    `container.with({ image = "i", privileged = true, mounts = {
       { target = "/scratch", size = "1MB" }, { target = "/sdk", source = "/opt/sdk", readonly = true } } },
       function() process.run({ "a", limits = { cpus = 1 } }) end)`,
    { host: { policy: { container: { mounts: ['/opt/sdk:ro'], privileged: true } } } },
  );
  expect(driver.started).toHaveLength(2);
  for (const spec of driver.started) {
    expect(spec).toMatchObject({
      privileged: true,
      scratch: [{ target: '/scratch', bytesMax: 1024 * 1024 }],
      mounts: [{ target: '/workspace' }, { source: '/opt/sdk', target: '/sdk', readonly: true }],
    });
  }
});

it('the policy of a stage narrows its default container, and only its own', async () => {
  const { driver } = await run('process.run({ "a" })', {
    stage: 'policy = { container = { network = "none" }, limits = { pids = 7 } },',
  });
  expect(driver.started).toMatchObject([{ network: 'none', pids: 7 }]);
});

it('a pipeline that allows itself more than the installation does not run', async () => {
  const { outcome, driver } = await run('process.run({ "a" })', {
    fields: 'policy = { process = { allow = { "curl" } } },',
    host: { policy: { process: { deny: ['curl'] } } },
  });
  expect(outcome).toMatchObject({
    state: 'failed',
    reason: 'policy',
    code: 'RIVET_POLICY_EXCEEDED',
  });
  expect(driver.started).toEqual([]);
});
