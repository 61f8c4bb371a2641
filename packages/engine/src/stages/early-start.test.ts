// Containers that are started before they are needed: which, when, and that nothing runs in them
// before it may.
import { RivetError } from '@rivet/base';
import { createFakeDriver, type FakeDriverOptions } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { checkPipeline } from '@rivet/pipeline';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { coreModules, globalAliases } from '../modules/registry.ts';
import { type RecordOptions, recordJob } from '../testing/job-recorder.ts';

const lua = createLuaEngine({ reuseProcesses: true });
afterAll(() => lua.close());

function bundleOf(stages: string) {
  const source = `return pipeline.define({ name = "t", stages = { ${stages} } })`;
  return { main: 'pipeline.lua', files: { 'pipeline.lua': source } };
}
const stage = (name: string, body: string, fields = '') =>
  `{ name = "${name}", ${fields} script = function() ${body} end },`;
const command = 'process.run({ "work", check = true })';
const own = (image: string) => `container = { image = "localhost/${image}:1" },`;

async function run(
  stages: string,
  driver: ReturnType<typeof createFakeDriver>,
  options: Partial<RecordOptions> = {},
) {
  const host = { earlyStart: true, ...options.host };
  return await recordJob({ driver, lua, bundle: bundleOf(stages), ...options, host });
}

/** A driver whose commands wait for what `meanwhile` waits for. */
function driverWith(meanwhile: (n: number) => Promise<void>, more: FakeDriverOptions = {}) {
  let count = 0;
  return createFakeDriver({
    ...more,
    async commands() {
      count += 1;
      await meanwhile(count);
      return {};
    },
  });
}

const imagesOf = ({ started }: ReturnType<typeof createFakeDriver>) =>
  started.map(({ image }) => image);
const isStarted = (driver: ReturnType<typeof createFakeDriver>, count: number) =>
  vi.waitUntil(() => driver.started.length >= count, { timeout: 60_000, interval: 2 });
/** Long enough for whatever is started early to have been. */
const quiet = () => new Promise<void>((resolve) => setTimeout(resolve, 100));

describe('the container of the first stage', () => {
  it('starts while it is not sure yet whose the job is, and no command runs in it', async () => {
    const driver = createFakeDriver();
    const confirmed = Promise.withResolvers<void>();
    const running = run(stage('a', command), driver, { host: { confirmed: confirmed.promise } });
    await isStarted(driver, 1);
    await quiet();
    expect(driver.commands).toEqual([]);
    confirmed.resolve();
    expect((await running).outcome).toEqual({ state: 'succeeded' });
    expect(driver.commands).toHaveLength(1);
    expect(driver.started).toHaveLength(1);
  });

  it('starts before the pipeline was read where creation has read it', async () => {
    const stages = stage('a', command);
    const checked = await checkPipeline(lua, bundleOf(stages), {
      modules: coreModules(),
      globals: globalAliases,
    });
    if (!checked.ok) throw new Error('not a pipeline');
    const driver = createFakeDriver();
    let startedBefore = -1;
    const slow = {
      ...lua,
      async open(...args: Parameters<typeof lua.open>) {
        await isStarted(driver, 1);
        startedBefore = driver.started.length;
        return await lua.open(...args);
      },
    };
    const { definition } = checked;
    const job = await run(stages, driver, { lua: slow, spec: { definition } });
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(startedBefore).toBe(1);
    expect(driver.started).toHaveLength(1);
  });

  it('is removed, and nothing has run, when the job turns out to be no longer ours', async () => {
    const driver = createFakeDriver();
    const confirmed = Promise.withResolvers<void>();
    const running = run(stage('a', `pcall(function() ${command} end) ${command}`), driver, {
      host: { confirmed: confirmed.promise },
    });
    confirmed.promise.catch(() => undefined);
    await isStarted(driver, 1);
    confirmed.reject(RivetError.of('RIVET_LEASE_LOST', { id: 'j', attempt: 1, why: 'a test' }));
    expect((await running).outcome).toMatchObject({ state: 'failed', code: 'RIVET_LEASE_LOST' });
    expect(driver.commands).toEqual([]);
    expect(driver.running).toEqual([]);
  });

  it('is removed, and nothing has run, when the job was canceled before it began', async () => {
    const driver = createFakeDriver();
    const confirmed = Promise.withResolvers<void>();
    const cancel = new AbortController();
    const running = run(stage('a', command), driver, {
      host: { confirmed: confirmed.promise },
      signal: cancel.signal,
    });
    await isStarted(driver, 1);
    cancel.abort();
    confirmed.resolve();
    expect((await running).outcome).toMatchObject({ state: 'canceled' });
    expect(driver.commands).toEqual([]);
    expect(driver.running).toEqual([]);
  });

  it.each([
    ['that has a condition', stage('a', command, 'condition = function() return false end,')],
    ['of a pipeline that starts no command', stage('a', 'print("x")')],
    [
      'with an entrypoint of its own',
      stage(
        'a',
        'if false then process.run({}) end',
        'container = { image = "localhost/a:1", entrypoint = { "/init" } },',
      ),
    ],
  ])('of a stage %s is not started early', async (_, stages) => {
    const driver = createFakeDriver();
    expect((await run(stages, driver)).outcome).toEqual({ state: 'succeeded' });
    expect(driver.started).toEqual([]);
  });

  it('is started only when it is needed where it was not needed the last time', async () => {
    const driver = createFakeDriver();
    const confirmed = Promise.withResolvers<void>();
    const noted: [string, boolean][] = [];
    const stageNeeds = {
      expected: (name: string) => name !== 'a',
      note: (name: string, needed: boolean) => void noted.push([name, needed]),
    };
    const host = { confirmed: confirmed.promise, stageNeeds };
    const running = run(stage('a', command) + stage('b', 'print("x")'), driver, { host });
    await quiet();
    expect(driver.started).toEqual([]);
    confirmed.resolve();
    expect((await running).outcome).toEqual({ state: 'succeeded' });
    expect(driver.started).toHaveLength(1);
    expect(noted).toEqual([
      ['a', true],
      ['b', false],
    ]);
  });

  it('is no news of a job that did not succeed', async () => {
    const note = vi.fn();
    const host = { stageNeeds: { expected: () => true, note } };
    const job = await run(stage('a', `error("x") ${command}`), createFakeDriver(), { host });
    expect(job.outcome.state).toBe('failed');
    expect(note).not.toHaveBeenCalled();
  });

  it('is started when it is needed where early starts are off', async () => {
    const driver = createFakeDriver();
    const confirmed = Promise.withResolvers<void>();
    const host = { confirmed: confirmed.promise, earlyStart: false };
    const running = run(stage('a', command), driver, { host });
    await quiet();
    expect(driver.started).toEqual([]);
    confirmed.resolve();
    expect((await running).outcome).toEqual({ state: 'succeeded' });
    expect(driver.started).toHaveLength(1);
  });
});

describe('the container of the next stage', () => {
  const two = stage('a', command, own('a')) + stage('b', command, own('b'));

  it('starts while the stage before it runs, and is the one that the stage works in', async () => {
    const driver = driverWith(async (n) => {
      if (n === 1) await isStarted(driver, 2);
    });
    expect((await run(two, driver)).outcome).toEqual({ state: 'succeeded' });
    expect(imagesOf(driver)).toEqual(['localhost/a:1', 'localhost/b:1']);
    expect(driver.commands.map(({ container }) => container.image)).toEqual(imagesOf(driver));
    expect(driver.running).toEqual([]);
  });

  it('is removed without having run anything when the stage before it fails', async () => {
    const driver = createFakeDriver({
      async commands() {
        await isStarted(driver, 2);
        return { exitCode: 1 };
      },
    });
    const { outcome, stages } = await run(two, driver);
    expect(outcome.state).toBe('failed');
    expect(stages.b).toBe('skipped');
    expect(driver.commands).toHaveLength(1);
    expect(driver.running).toEqual([]);
  });

  it('is one at a time, however many stages there are', async () => {
    const driver = driverWith(async (n) => {
      await isStarted(driver, Math.min(n + 1, 3));
      await quiet();
      expect(driver.started).toHaveLength(Math.min(n + 1, 3));
    });
    const { outcome } = await run(two + stage('c', command, own('c')), driver);
    expect(outcome).toEqual({ state: 'succeeded' });
  });

  it.each([
    ['has a condition', 'condition = function() return true end,'],
    ['may wait for others too', 'needs = { "a", "c" },'],
  ])('does not start early when that stage %s', async (_, fields) => {
    const third = fields.includes('needs')
      ? stage('c', command, `${own('c')} needs = { "a" },`)
      : '';
    const driver = driverWith(async (n) => {
      await quiet();
      if (n === 1) expect(imagesOf(driver)).not.toContain('localhost/b:1');
    });
    const stages = stage('a', command, own('a')) + third + stage('b', command, own('b') + fields);
    expect((await run(stages, driver)).outcome).toEqual({ state: 'succeeded' });
    expect(imagesOf(driver)).toContain('localhost/b:1');
  });

  it('says why it cannot start only when the stage needs it', async () => {
    const images = ['localhost/a:1'];
    const driver = driverWith(() => quiet(), { images });
    const needed = await run(two, driver);
    expect(needed.outcome).toMatchObject({ code: 'RIVET_CONTAINER_IMAGE_NOT_FOUND' });
    expect(needed.stages).toMatchObject({ a: 'succeeded', b: 'failed' });
    const unneeded = stage('a', command, own('a')) + stage('b', 'print("x")', own('b'));
    const other = driverWith(() => quiet(), { images });
    expect((await run(unneeded, other)).outcome).toEqual({ state: 'succeeded' });
  });
});
