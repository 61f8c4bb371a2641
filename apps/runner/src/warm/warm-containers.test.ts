// Containers that stand ready: who gets one, that nobody gets a used one, and that none is left.
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LABEL_OWNER, LABEL_WARM } from '@rivet/containers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  IMAGE_ID,
  makeRunner,
  type Play,
  plainSpec,
  type TestRunner,
  until,
} from '../fake-host.ts';
import { FakeServer } from '../fake-server.ts';

const succeeded = { state: 'succeeded' } as const;
let server: FakeServer;
const made: TestRunner[] = [];

beforeEach(async () => {
  server = await FakeServer.start();
});
afterEach(async () => {
  for (const test of made.splice(0)) await test.remove();
  await server.close();
});

async function start(
  play: Play,
  env: Record<string, string> = {},
  prepare?: (t: TestRunner) => void,
) {
  const test = await makeRunner(server.url, play, { RIVET_WARM_CONTAINERS: '1', ...env });
  test.driver.imageId = IMAGE_ID;
  prepare?.(test);
  made.push(test);
  await test.runner.start();
  return test;
}

const warmOnes = ({ driver }: TestRunner) =>
  driver.started.filter(({ labels }) => labels[LABEL_WARM] === '1');
const isReady = (test: TestRunner) => () => warmOnes(test).length > 0;

describe('a container that stands ready', () => {
  it('carries the label of its owner, and mounts a directory that only its owner may enter', async () => {
    const test = await start(async () => succeeded);
    await until(isReady(test));
    const [spec] = warmOnes(test);
    expect(spec).toMatchObject({ image: spec!.image, network: 'default', env: {}, entrypoint: [] });
    expect(spec!.labels[LABEL_OWNER]).toMatch(/^[0-9a-f-]{36}$/);
    expect(spec!.mounts).toHaveLength(1);
    const slots = await readdir(join(test.directory, 'warm'));
    expect(slots).toHaveLength(1);
    const slot = join(test.directory, 'warm', slots[0]!);
    expect(spec!.mounts[0]!.source).toBe(join(slot, 'workspace'));
    expect((await stat(slot)).mode & 0o777).toBe(0o700);
    expect((await stat(join(slot, 'workspace'))).mode & 0o777).toBe(0o777);
  });

  it('is given to a job that asks for the same, with its directory, and to one job only', async () => {
    const given: { name: string; warm: boolean; workspace: string; slots: string[] }[] = [];
    const test = await start(async ({ host, spec }) => {
      const slots = await readdir(join(test.directory, 'warm'));
      const container = await host.driver.start(plainSpec(host, `own-${spec.id}`));
      const second = await host.driver.start(plainSpec(host, `second-${spec.id}`));
      expect(second.name).toBe(`second-${spec.id}`);
      const { workspace } = host;
      given.push({ name: container.name, warm: container.warm === true, workspace, slots });
      return succeeded;
    });
    await until(isReady(test));
    const [ready] = warmOnes(test);
    const first = server.launch(1);
    await until(() => first.outcomes.length > 0);
    expect(given[0]).toMatchObject({ name: ready!.name, warm: true, slots: [] });
    expect(given[0]!.workspace).toContain(`${first.claimed.id}.1/workspace`);
    expect(test.driver.killed).toContain(ready!.name);

    await until(() => warmOnes(test).length === 2);
    const second = server.launch(2);
    await until(() => second.outcomes.length > 0);
    expect(given[1]).toMatchObject({ name: warmOnes(test)[1]!.name, warm: true });
    expect(given[1]!.name).not.toBe(given[0]!.name);
  });

  it.each([
    ['another image', { imageId: 'b'.repeat(64) }],
    ['an image that is known by its name alone', { imageId: undefined }],
    ['no network', { network: 'none' as const }],
    ['a user', { user: '1000' }],
    ['a limit of memory', { memoryBytes: 1e9 }],
    ['a limit of cpus', { cpus: 1 }],
    ['a limit of processes', { pids: 10 }],
    ['an entrypoint', { entrypoint: ['/init'] }],
    ['privileges', { privileged: true }],
    ['a file system in memory', { scratch: [{ target: '/x', bytesMax: undefined }] }],
    ['no workspace', { mounts: [] }],
    ['another mount', { mounts: [{ source: '/etc', target: '/workspace', readonly: false }] }],
  ])('is not given to a job that asks for %s, and ends with it', async (_, changes) => {
    let name: string | undefined;
    const test = await start(async ({ host }) => {
      name = (await host.driver.start({ ...plainSpec(host, 'own'), ...changes })).name;
      return succeeded;
    });
    await until(isReady(test));
    const job = server.launch(1);
    await until(() => job.outcomes.length > 0);
    expect(name).toBe('own');
    expect(test.driver.killed).toContain(warmOnes(test)[0]!.name);
  });

  it('is not given away when it has died', async () => {
    let name: string | undefined;
    const test = await start(async ({ host }) => {
      name = (await host.driver.start(plainSpec(host, 'own'))).name;
      return succeeded;
    });
    await until(isReady(test));
    test.driver.killed.push(warmOnes(test)[0]!.name);
    const job = server.launch(1);
    await until(() => job.outcomes.length > 0);
    expect(name).toBe('own');
  });

  it('is thrown away when its image has another id by now', async () => {
    const test = await start(async () => succeeded);
    await until(isReady(test));
    test.driver.imageId = 'c'.repeat(64);
    const job = server.launch(1);
    await until(() => job.outcomes.length > 0);
    await until(() => warmOnes(test).length === 2);
    expect(warmOnes(test)[1]!.imageId).toBe('c'.repeat(64));
    expect(test.driver.killed).toContain(warmOnes(test)[0]!.name);
  });

  it('is not given to a job of a pipeline that used none the last time', async () => {
    const test = await start(async ({ host }) => {
      host.stageNeeds?.note('only', false);
      return succeeded;
    });
    await until(isReady(test));
    const jobs = [1, 2].map((number) => {
      const job = server.launch(number);
      job.claimed.definition.stages.push({ name: 'only' } as never);
      return job;
    });
    await until(() => jobs.every(({ outcomes }) => outcomes.length > 0));
    await until(() => warmOnes(test).length === 2);
    const third = server.launch(3);
    third.claimed.definition.stages.push({ name: 'only' } as never);
    await until(() => third.outcomes.length > 0);
    expect(test.driver.killed).toEqual([warmOnes(test)[0]!.name]);
  });

  it('is of the image that jobs asked for last', async () => {
    const test = await start(async ({ host }) => {
      await host.driver.start({ ...plainSpec(host, 'own'), image: 'localhost/other:1', user: '7' });
      return succeeded;
    });
    await until(isReady(test));
    const job = server.launch(1);
    await until(() => job.outcomes.length > 0);
    await until(() => warmOnes(test).length === 2);
    expect(warmOnes(test)[1]).toMatchObject({ image: 'localhost/other:1', user: '7' });
  });

  it('is there for none where the setting is 0', async () => {
    const test = await start(async () => succeeded, { RIVET_WARM_CONTAINERS: '0' });
    const job = server.launch(1);
    await until(() => job.outcomes.length > 0);
    await test.runner.stop();
    expect(warmOnes(test)).toEqual([]);
  });

  it('ends with the runner, and leaves neither container nor directory', async () => {
    const test = await start(async () => succeeded);
    await until(isReady(test));
    await test.runner.stop();
    const names = warmOnes(test).map(({ name }) => name);
    expect(test.driver.killed).toEqual(names);
    expect(test.driver.removedNames).toEqual(names);
    expect(await readdir(join(test.directory, 'warm'))).toEqual([]);
  });

  it.each([
    ['before a job took it', 'warm/left'],
    ['after a job took its directory', 'jobs/00000000-0000-7000-8000-000000000001.1'],
  ])('that a runner left when it was killed %s is removed by the next start', async (_, place) => {
    const test = await makeRunner(server.url, async () => succeeded, {
      RIVET_WARM_CONTAINERS: '0',
    });
    made.push(test);
    const left = join(test.directory, place);
    await mkdir(join(left, 'workspace'), { recursive: true });
    await writeFile(join(left, 'workspace/file'), '');
    await test.runner.start();
    for (const parent of ['warm', 'jobs']) {
      expect(await readdir(join(test.directory, parent))).toEqual([]);
    }
    expect(test.driver.removed[0]).toHaveProperty([LABEL_OWNER]);
  });

  it('whose directory is gone is ended, and the job starts its own', async () => {
    let name: string | undefined;
    const test = await start(async ({ host }) => {
      name = (await host.driver.start(plainSpec(host, 'own'))).name;
      return succeeded;
    });
    await until(isReady(test));
    await rm(join(test.directory, 'warm'), { recursive: true });
    await mkdir(join(test.directory, 'warm'));
    const job = server.launch(1);
    await until(() => job.outcomes.length > 0);
    expect(job.outcomes[0]).toMatchObject({ state: 'succeeded' });
    expect(name).toBe('own');
    expect(test.driver.killed).toContain(warmOnes(test)[0]!.name);
  });

  it('that cannot be started keeps no job from running', async () => {
    const test = await start(
      async ({ host }) => {
        await host.driver.start(plainSpec(host, 'own'));
        return succeeded;
      },
      {},
      ({ driver }) => {
        const { start: real } = driver;
        driver.start = async (spec, signal) => {
          if (spec.labels[LABEL_WARM] === '1') throw new Error('no room');
          return await real(spec, signal);
        };
      },
    );
    const job = server.launch(1);
    await until(() => job.outcomes.length > 0);
    expect(job.outcomes[0]).toMatchObject({ state: 'succeeded' });
    await expect.poll(() => readdir(join(test.directory, 'warm'))).toEqual([]);
  });
});
