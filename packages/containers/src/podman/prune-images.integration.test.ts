// Making room by removing images, with real Podman and a real registry.
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from '@rivet/base';
import { startProcess } from '@rivet/processes';
import { startRegistry, type TestRegistry } from '@rivet/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ContainerDriver } from '../driver.ts';
import { plainBuild } from '../testing/plain-build.ts';
import { plainSpec } from '../testing/plain-spec.ts';
import { createPodmanDriver } from './driver.ts';

const BASE = 'localhost/rivet/base:latest';
const HOUR_MS = 3_600_000;
const labels = { 'dev.rivet.owner': `prune-test-${uuidv7()}` };
let directory: string;
let registry: TestRegistry;
let driver: ContainerDriver;
/** Of this test alone: an image of its own at a registry of its own. */
let name: string;
const ofSomebody = `localhost/prune-test-${uuidv7()}:1`;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-prune-'));
  registry = await startRegistry();
  driver = createPodmanDriver({
    defaultImage: BASE,
    insecureRegistries: [registry.host],
    cacheFile: join(directory, 'podman.json'),
  });
  await driver.check({ labels, directory: join(directory, 'check') });
  name = `${registry.host}/prune:1`;
  const base = await driver.pullImage(BASE, { pull: 'never' });
  const images = new Map([['base:1', base.id]]);
  const text = `FROM base:1\nENV PRUNED=${uuidv7()}\n`;
  const spec = await plainBuild(directory, text, { images, ownerLabels: labels });
  const built = await driver.buildImage(spec, () => undefined);
  await driver.pushImage(built.id, name, {});
  await driver.removeBuilt(labels);
});
afterAll(async () => {
  await driver?.removeLabelled(labels);
  await podman('rmi', '--force', '--ignore', name, ofSomebody);
  await registry?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function podman(...args: string[]): Promise<number> {
  const env = { PATH: process.env.PATH ?? '/usr/bin', HOME: process.env.HOME ?? '/root' };
  const silent = { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' } as const;
  return (await startProcess({ file: 'podman', args, env, ...silent }).exit).code ?? -1;
}

const isThere = async (image: string) => (await podman('image', 'exists', image)) === 0;

/** Removes what nobody has used for an hour; returns how many. */
const prune = (isEnough = false) =>
  driver.pruneImages({ unusedMs: HOUR_MS, isEnough: async () => isEnough });

/** Lets all that is remembered have been used two hours ago. */
async function passTime(): Promise<void> {
  const uses = join(directory, 'pulled-images');
  const at = (Date.now() - 2 * HOUR_MS) / 1000;
  for (const file of await readdir(uses)) await utimes(join(uses, file), at, at);
}

it('an image that Rivet pulled goes when nobody has used it for long', async () => {
  await driver.ensureImage(name, { pull: 'missing' });
  expect(await prune()).toBe(0);
  await passTime();
  expect(await prune(true)).toBe(0);
  expect(await isThere(name)).toBe(true);
  expect(await prune()).toBe(1);
  expect(await isThere(name)).toBe(false);
});

it('an image stays while there is a container of it, and an hour longer', async () => {
  await driver.ensureImage(name, { pull: 'missing' });
  const controlDirectory = join(directory, 'control');
  const container = await driver.start(plainSpec({ image: name, labels, controlDirectory }));
  await passTime();
  expect(await prune()).toBe(0);
  await container.kill();
  await container.remove();
  // Podman had said that it is in use.
  expect(await prune()).toBe(0);
  await passTime();
  expect(await prune()).toBe(1);
});

it('an image stays that was there before, or that somebody has given a name', async () => {
  await podman('pull', '--tls-verify=false', name);
  await driver.ensureImage(name, { pull: 'missing' });
  await driver.ensureImage(name, { pull: 'always' });
  await passTime();
  expect(await prune()).toBe(0);
  await podman('rmi', name);
  await driver.ensureImage(name, { pull: 'missing' });
  await podman('tag', name, ofSomebody);
  await passTime();
  expect(await prune()).toBe(0);
  expect(await isThere(name)).toBe(true);
});
