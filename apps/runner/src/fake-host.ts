// A runner for tests: real directories and real HTTP, a driver that only remembers, and an engine
// that the test plays.
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import type { ContainerDriver, ContainerSpec } from '@rivet/containers';
import { type JobHost, type JobSpec, noSecrets, type RunJob } from '@rivet/engine';
import type { JobOutcome, LogLine } from '@rivet/protocol';
import { readConfig } from './config.ts';
import type { DiskSpace } from './disk-space.ts';
import { REGISTRATION_TOKEN } from './fake-server.ts';
import { Runner } from './runner.ts';
import { createServerApi } from './server-api.ts';

/** The image that `plainSpec` asks for. */
export const IMAGE_ID = 'a'.repeat(64);

/** A driver whose containers are names; trees are really removed. */
export interface MemoryDriver extends ContainerDriver {
  /** Labels that `removeLabelled` was called with. */
  readonly removed: Readonly<Record<string, string>>[];
  /** Names of containers in the order in which they were started, ended, and removed for good. */
  readonly started: ContainerSpec[];
  readonly killed: string[];
  readonly removedNames: string[];
  /** What `ensureImage` says the image is; nothing stands ready while it says nothing. */
  imageId: string | undefined;
}

export function memoryDriver(): MemoryDriver {
  const removed: Readonly<Record<string, string>>[] = [];
  const started: ContainerSpec[] = [];
  const killed: string[] = [];
  const removedNames: string[] = [];
  const driver: MemoryDriver = {
    name: 'memory',
    removed,
    started,
    killed,
    removedNames,
    imageId: undefined,
    check: async () => [{ subject: 'memory', ok: true, seen: 'there', fix: undefined }],
    ensureImage: async () => driver.imageId,
    async start(spec) {
      started.push(spec);
      return {
        name: spec.name,
        image: spec.image,
        run: () => Promise.reject(new Error('the memory driver runs nothing')),
        attach: () => Promise.reject(new Error('the memory driver runs nothing')),
        knows: () => false,
        isRunning: async () => !killed.includes(spec.name),
        moved: () => undefined,
        async kill() {
          killed.push(spec.name);
        },
        remove: () => Promise.reject(new Error('a runner only kills, and removes by name')),
      };
    },
    adopt: async () => undefined,
    listLeftNetworks: async () => [],
    removeLeftNetworks: async () => 0,
    pullImage: () => Promise.reject(new Error('the memory driver has no images')),
    buildImage: () => Promise.reject(new Error('the memory driver builds nothing')),
    pushImage: () => Promise.reject(new Error('the memory driver has no images')),
    removeBuilt: async () => 0,
    list: async () => [],
    removeLabelled: async (labels) => {
      removed.push(labels);
      return 0;
    },
    async removeNamed(names) {
      removedNames.push(...names);
    },
    pruneImages: async () => 0,
    storageDirectory: async () => undefined,
    removeTree,
    close: async () => undefined,
  };
  return driver;
}

/** Takes along what is closed even to its owner, as a driver has to. */
async function removeTree(path: string): Promise<void> {
  // What cannot be opened is told of by the removal.
  await openDirectories(path).catch(() => undefined);
  await rm(path, { recursive: true, force: true });
}

async function openDirectories(path: string): Promise<void> {
  await chmod(path, 0o700);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await openDirectories(join(path, entry.name));
  }
}

/** A container as the engine asks for it where a pipeline says nothing special. */
export function plainSpec(host: JobHost, name: string): ContainerSpec {
  return {
    name,
    image: host.defaultImage,
    imageId: IMAGE_ID,
    labels: host.labels,
    env: { A: 'of the job' },
    mounts: [{ source: host.workspace, target: '/workspace', readonly: false }],
    entrypoint: [],
    network: 'default',
    user: undefined,
    memoryBytes: undefined,
    cpus: undefined,
    pids: undefined,
    privileged: false,
    controlDirectory: join(host.stateDirectory, 'containers', name),
  };
}

/** What a played job is given. */
interface PlayedJob {
  readonly spec: JobSpec;
  readonly host: JobHost;
  readonly signal: AbortSignal;
  /** Logs a line; numbers them. */
  readonly log: (text: string) => Promise<void>;
}

export type Play = (job: PlayedJob) => Promise<JobOutcome>;

export interface TestRunner {
  readonly runner: Runner;
  readonly driver: MemoryDriver;
  readonly directory: string;
  /** Jobs whose engine was started, and how many run now. */
  readonly started: JobSpec[];
  readonly concurrency: { now: number; most: number };
  /** What is left of its disk; may be changed. */
  readonly disk: { -readonly [K in keyof DiskSpace]: DiskSpace[K] };
  remove(): Promise<void>;
}

/** Makes a runner for the server at `url`, on a new state directory; it is not started. */
export async function makeRunner(
  url: string,
  play: Play,
  env: Readonly<Record<string, string>> = {},
  stateDirectory?: string,
): Promise<TestRunner> {
  const directory = stateDirectory ?? (await mkdtemp(join(tmpdir(), 'rivet-runner-test-')));
  const driver = memoryDriver();
  const started: JobSpec[] = [];
  const concurrency = { now: 0, most: 0 };
  const disk = {
    ...{ bytesFree: 1e12, bytesTotal: 2e12, filesFree: 1e7, filesTotal: 2e7 },
    isReadOnly: false,
  };
  const runJob: RunJob = async (spec, host, signal) => {
    started.push(spec);
    concurrency.now += 1;
    concurrency.most = Math.max(concurrency.most, concurrency.now);
    let n = host.resume?.lastLine ?? 0;
    const log = async (text: string): Promise<void> => {
      n += 1;
      await host.observer.line(lineOf(n, text), { origin: 'play', end: n });
    };
    try {
      return await play({ spec, host, signal, log });
    } finally {
      concurrency.now -= 1;
    }
  };
  const config = readConfig({
    RIVET_URL: url,
    RIVET_RUNNER_NAME: 'test-runner',
    RIVET_RUNNER_TOKEN: REGISTRATION_TOKEN,
    RIVET_STATE_DIRECTORY: directory,
    RIVET_CANCEL_GRACE: '1s',
    RIVET_KILL_GRACE: '1s',
    RIVET_STOP_GRACE: '5s',
    ...env,
  });
  const runner = new Runner({
    config,
    version: 'test',
    api: createServerApi({ url, userAgent: 'rivet-runner-test' }),
    driver,
    lua: { open: () => Promise.reject(new Error('no Lua here')), close: async () => undefined },
    runJob,
    policy: {},
    secretsOf: () => noSecrets,
    clock: () => performance.now(),
    logger: silentLogger,
    readDisk: async () => disk,
  });
  return {
    runner,
    driver,
    directory,
    started,
    concurrency,
    disk,
    async remove() {
      runner.hurry();
      await runner.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function lineOf(n: number, text: string): LogLine {
  return { n, t: '2026-01-01T00:00:00.000Z', stage: '', level: 'info', stream: 'log', text };
}

/** Waits until `condition` holds. @throws when it does not within `ms` */
export async function until(condition: () => boolean, ms = 60_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
