// Rivet's programs as the first process of a container: they pass signals on, reap what others
// leave, and end as documented. Podman works in that container too, where the machine lets it, so
// that jobs really run there.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { BASE_IMAGE, type Installation, startInstallation } from './installation.ts';
import { createPipeline, waitForEnd } from './jobs.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
/** `podman stop` gives a program ten seconds; a busy machine needs as long for Podman alone. */
const STOP_MS_MAX = 40_000;
const LIMITS = ['--ulimit=nofile=4096:4096', '--ulimit=nproc=4096:4096'];
const NO_NESTING = 'this machine starts no container in a container';

let installation: Installation;
let directory: string;
/** Of `podman run`: the programs of this machine, the sources, and a storage of its own. */
let flags: readonly string[] = [];
let name: string;
/** Whether a container can be started in such a container. */
let canNest: boolean;

beforeAll(async () => {
  installation = await startInstallation({ runners: 0 });
  directory = await mkdtemp(join(tmpdir(), 'rivet-first-'));
  await mkdir(join(directory, 'containers'));
  const needed = await machineFlags((words) => run('podman', words));
  if (needed === undefined) {
    throw new Error('Podman starts no container here: see rivet doctor');
  }
  flags = [
    ...needed,
    '--privileged',
    '--network=host',
    `--workdir=${root}`,
    '--volume=/usr:/usr:ro',
    '--volume=/etc:/etc:O',
    `--volume=${root}:${root}:ro`,
    `--volume=${directory}:${directory}`,
    `--volume=${join(directory, 'containers')}:/var/lib/containers`,
  ];
  const archive = join(directory, 'base.tar');
  await run('podman', ['save', '--output', archive, BASE_IMAGE]);
  await runFirst('podman', 'load', '--input', archive);
  canNest = (await machineFlags((words) => runFirst('podman', ...words))) !== undefined;
});

afterAll(async () => {
  // What Podman wrote in there may be of users that only a container has.
  if (flags.length > 0) await runFirst('sh', '-c', `rm -rf ${directory}/*`);
  await rm(directory, { recursive: true, force: true });
  expect(await installation.stop()).toEqual([]);
});

/** Runs a command to its end as the first process of a container. */
const runFirst = (...words: readonly string[]): Promise<unknown> =>
  run('podman', ['run', '--rm', ...flags, BASE_IMAGE, ...words]);

/**
 * What Podman needs on this machine, undefined where it starts no container; Rivet finds it out
 * too, but a test may not ask it.
 */
async function machineFlags(
  podman: (words: readonly string[]) => Promise<unknown>,
): Promise<readonly string[] | undefined> {
  for (const candidate of [LIMITS, ['--runtime=runc', ...LIMITS]]) {
    const words = ['run', '--rm', '--network=host', ...candidate, BASE_IMAGE, 'true'];
    const works = await podman(words).then(
      () => true,
      () => false,
    );
    if (works) return candidate;
  }
  return undefined;
}

/** Starts `node FILE ARGS…` as the first process of a container. */
async function startFirst(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  name = `rivet-first-${randomBytes(6).toString('hex')}`;
  const settings = Object.entries(env).map(([key, value]) => `--env=${key}=${value}`);
  const command = [BASE_IMAGE, process.execPath, ...words];
  onTestFinished(async () => {
    await run('podman', ['rm', '--force', '--time=0', name]);
  });
  await run('podman', ['run', '--detach', `--name=${name}`, ...flags, ...settings, ...command]);
}

async function output(): Promise<string> {
  const { stdout, stderr } = await run('podman', ['logs', name]);
  return stdout + stderr;
}

async function waitFor(text: string): Promise<void> {
  await expect.poll(output, { timeout: 60_000, interval: 200 }).toContain(text);
}

/** Leaves processes whose parent has ended, and waits until nothing of any process is left. */
const ORPHANS = `
for n in 1 2 3; do
  pid=$( (sleep 2 >/dev/null 2>&1 & echo $!) )
  grep PPid "/proc/$pid/status"
done
zombies() { grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null; }
tries=0
while left=$(zombies); { [ -d "/proc/$pid" ] || [ -n "$left" ]; } && [ $tries -lt 300 ]; do
  tries=$((tries + 1))
  sleep 0.1
done
for file in $left; do grep Name "$file"; done
`;

async function expectOrphansReaped(): Promise<void> {
  const { stdout } = await run('podman', ['exec', name, 'sh', '-c', ORPHANS]);
  expect(stdout).toBe('PPid:\t1\n'.repeat(3));
}

/** Sends TERM; returns the exit code once the container has ended. */
async function stopped(): Promise<number> {
  const beganAt = performance.now();
  await run('podman', ['kill', '--signal=TERM', name]);
  const { stdout } = await run('podman', ['wait', name]);
  expect(performance.now() - beganAt).toBeLessThan(STOP_MS_MAX);
  return Number(stdout);
}

it.each([
  { started: 'as it is', words: ['apps/orchestrator/src/main.ts'] },
  { started: 'by the command line', words: ['apps/cli/src/main.ts', 'orchestrator', 'start'] },
])(
  'an orchestrator, started $started, reaps orphans and ends with 0 after TERM',
  async ({ words }) => {
    await startFirst(words, { ...installation.databaseEnv, RIVET_LISTEN: '127.0.0.1:0' });
    await waitFor('"event":"listening"');
    await expectOrphansReaped();
    expect(await stopped()).toBe(0);
  },
);

it('a runner reaps what Podman and others leave, and ends with 0 after TERM', async ({ skip }) => {
  skip(!canNest, NO_NESTING);
  const { client } = installation;
  const { token } = await client.createRegistrationToken({ body: {} });
  await startFirst(['apps/runner/src/main.ts'], {
    RIVET_URL: installation.orchestrators[0]?.url ?? '',
    RIVET_RUNNER_TOKEN: token,
    RIVET_STATE_DIRECTORY: join(directory, 'runner'),
    RIVET_DEFAULT_IMAGE: BASE_IMAGE,
  });
  await waitFor('"event":"online"');
  const ref = await createPipeline(client, pipelineOf('process.sh("sleep 0.1 & echo done")'));
  const { id } = await client.launchPipeline({ ref, body: {} });
  expect((await waitForEnd(client, id)).state).toBe('succeeded');
  await expectOrphansReaped();
  expect(await stopped()).toBe(0);
  expect(await output()).toContain('"event":"stopped"');
});

it('rivet run reaps orphans, cancels its job after TERM and ends with 130', async ({ skip }) => {
  skip(!canNest, NO_NESTING);
  const file = join(directory, 'pipeline.lua');
  const script = `process.sh("trap 'exit 0' TERM; echo begun; while :; do sleep 0.1; done")`;
  await writeFile(file, pipelineOf(script));
  await startFirst(['apps/cli/src/main.ts', 'run', file, '--empty', '--image', BASE_IMAGE], {
    HOME: directory,
  });
  await waitFor('| begun');
  await expectOrphansReaped();
  expect(await stopped()).toBe(130);
  expect(await output()).toContain('Job canceled');
});

function pipelineOf(script: string): string {
  return `return pipeline.define({
    name = "p", stages = { { name = "s", script = function() ${script} end } },
  })`;
}
