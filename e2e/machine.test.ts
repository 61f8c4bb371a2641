// What happens to the machine of a runner: it restarts, or its clock jumps.
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createMovingClock } from '@rivet/testing';
import { afterEach, expect, it } from 'vitest';
import { containersOf, type Installation, startInstallation } from './installation.ts';
import { allLines, createPipeline, numberingFault, waitForEnd, waitForJob } from './jobs.ts';

/** Prints numbered lines, ten a second, until somebody ends it. */
const PIPELINE = `
return pipeline.define({
  name = "ticking", timeout = "20m",
  stages = {
    { name = "work", timeout = "20m", script = function()
      process.sh("i=0; while :; do i=$((i+1)); echo line $i; sleep 0.1; done", { timeout = "20m" })
    end },
  },
})`;

let installation: Installation;

afterEach(async () => {
  expect(await installation.stop()).toEqual([]);
});

/** Launches a job, and waits until it prints. */
async function launch(): Promise<string> {
  const { client } = installation;
  const ref = await createPipeline(client, PIPELINE);
  const { id } = await client.launchPipeline({ ref, body: {} });
  await waitForJob(client, id, (job) => job.log_lines > 3);
  return id;
}

/** Makes what a runner left what it is after a restart: of another start of the machine. */
async function ageByARestart(stateDirectory: string): Promise<void> {
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const earlier = '00000000-0000-4000-8000-000000000000';
  const locks = join(stateDirectory, 'locks');
  for (const name of await readdir(locks)) {
    await rename(join(locks, name), join(locks, name.replace(bootId, earlier)));
  }
  const jobs = join(stateDirectory, 'jobs');
  for (const name of await readdir(jobs)) {
    const record = join(jobs, name, 'attempt.json');
    const text = await readFile(record, 'utf8');
    expect(text).toContain(bootId);
    await writeFile(record, text.replace(bootId, earlier));
  }
}

it('loses its jobs at once when it has restarted, and removes all that was there before', async () => {
  // So long that no job is lost for the end of its lease.
  installation = await startInstallation({ orchestratorEnv: { RIVET_LEASE: '10m' } });
  const { client, runners } = installation;
  const { stateDirectory, ...runner } = runners[0]!;
  const id = await launch();
  runner.signal('SIGKILL');
  await runner.ended;
  const owner = (await readFile(join(stateDirectory, 'owner'), 'utf8')).trim();
  const left = await containersOf(owner);
  expect(left).not.toEqual([]);
  expect(await readdir(join(stateDirectory, 'jobs'))).toHaveLength(1);
  await ageByARestart(stateDirectory);

  await installation.startRunner('runner-1', { stateDirectory });
  expect((await containersOf(owner)).filter((name) => left.includes(name))).toEqual([]);
  expect(await readdir(join(stateDirectory, 'jobs'))).toEqual([]);
  const job = await waitForEnd(client, id);
  expect(job).toMatchObject({ state: 'failed', reason: 'runner_lost', attempt: 1 });
  expect(numberingFault(await allLines(client, id))).toBeUndefined();
});

it('notices nothing when its clock jumps by an hour, forward and back', async () => {
  const clock = await createMovingClock();
  // Less than a jump, more than a busy machine keeps a runner waiting.
  const orchestratorEnv = { RIVET_LEASE: '1m' };
  installation = await startInstallation({ orchestratorEnv, runnerEnv: clock.env });
  try {
    const { client } = installation;
    const id = await launch();
    for (const hours of [1, -1]) {
      await clock.move(hours);
      const { log_lines: before } = await client.getJob({ id });
      // Some heartbeats, and each look at the lease that a timer brings.
      await waitForJob(client, id, (job) => job.log_lines >= before + 50);
    }
    await client.cancelJob({ id });
    const job = await waitForEnd(client, id);
    expect(job, job.message ?? '').toMatchObject({ state: 'canceled', attempt: 1 });
    const lines = await allLines(client, id);
    expect(numberingFault(lines)).toBeUndefined();
    const texts = lines.map(({ text }) => text).filter((text) => text.startsWith('line '));
    expect(texts).toEqual(texts.map((_, index) => `line ${index + 1}`));
    expect(texts.length).toBeGreaterThan(100);
    // The clock had really jumped: its lines of an hour ago say so.
    const [first, last] = [lines[0]!, lines.at(-1)!].map(({ t }) => Date.parse(t));
    expect(last! - first!).toBeLessThan(-30 * 60_000);
  } finally {
    await clock.remove();
  }
});
