// From the registration to the end of a job over TLS with a pinned authority; then the runner
// changes its token, is revoked, and stays out.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createTestAuthority, type TestAuthority } from '@rivet/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Installation, startInstallation } from './installation.ts';
import { createPipeline, waitForEnd, waitForJob } from './jobs.ts';

const run = promisify(execFile);

let directory: string;
let authority: TestAuthority;
let installation: Installation;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-e2e-tls-'));
  authority = await createTestAuthority(directory);
  const certificate = await authority.issue('server');
  installation = await startInstallation({ tls: { authority, certificate }, runners: 0 });
});

afterAll(async () => {
  const problems = await installation.stop();
  await rm(directory, { recursive: true, force: true });
  // The revoked runner ends by itself, with the exit code that says why.
  expect(problems.filter((problem) => !problem.includes('ended with 5'))).toEqual([]);
});

/** Runs the CLI as a person would on another machine. */
async function rivet(...args: string[]): Promise<string> {
  const program = fileURLToPath(new URL('../apps/cli/bin/rivet', import.meta.url));
  const { stdout } = await run(program, args, {
    env: {
      PATH: process.env.PATH,
      HOME: directory,
      RIVET_URL: installation.orchestrators[0]?.url,
      RIVET_TOKEN: installation.token,
      RIVET_CA_FILE: authority.caFile,
    },
  });
  return stdout;
}

const talk = `
return pipeline.define({ name = "talk", stages = {
  { name = "talk", script = function() process.sh("echo over TLS") end },
} })`;

const wait = `
return pipeline.define({ name = "wait", stages = {
  { name = "wait", script = function() time.sleep(120) end },
} })`;

it('a runner registers, runs a job, changes its token, is revoked and stays out', async () => {
  const { client } = installation;
  const runner = await installation.startRunner('pinned');
  const tokenFile = join(runner.stateDirectory, 'token');
  const first = await readFile(tokenFile, 'utf8');
  expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);

  const ref = await createPipeline(client, talk);
  const { id } = await client.launchPipeline({ ref, body: {} });
  expect(await waitForEnd(client, id)).toMatchObject({ state: 'succeeded', runner: 'pinned' });

  expect(await rivet('runner', 'rotate', 'pinned')).toContain('changes its token');
  // It is told with the next claim: this job makes one.
  const other = await client.launchPipeline({ ref, body: {} });
  expect(await waitForEnd(client, other.id)).toMatchObject({ state: 'succeeded' });
  await expect.poll(() => readFile(tokenFile, 'utf8'), { timeout: 60_000 }).not.toBe(first);

  const waiting = await createPipeline(client, wait);
  const running = await client.launchPipeline({ ref: waiting, body: {} });
  await waitForJob(client, running.id, (job) => job.stages[0]?.state === 'running');
  expect(await rivet('runner', 'list')).toContain('pinned');
  await rivet('runner', 'revoke', 'pinned');
  expect(await client.getJob({ id: running.id })).toMatchObject({
    state: 'failed',
    reason: 'runner_lost',
    message: 'the runner pinned was revoked',
  });
  expect(await runner.ended).toBe(5);
  expect(runner.stderr()).toContain('RIVET_RUNNER_REFUSED');
  const again = installation.startRunner('pinned', { stateDirectory: runner.stateDirectory });
  await expect(again).rejects.toThrow(/RIVET_RUNNER_REVOKED/);
});

it('a runner that does not know the authority does not send its token', async () => {
  const starting = installation.startRunner('stranger', {
    env: { RIVET_CA_FILE: '', RIVET_START_DEADLINE: '1s' },
  });
  await expect(starting).rejects.toThrow(/certificate|issuer/);
  const { items } = await installation.client.listRunners();
  expect(items.map(({ name }) => name)).not.toContain('stranger');
});
