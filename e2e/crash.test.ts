// Programs that are killed while jobs run: every job still ends exactly once, and nothing that was
// told is lost.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@rivet/protocol';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { containersOf, type Installation, startInstallation } from './installation.ts';
import { allLines, createPipeline, numberingFault, waitForEnd, waitForJob } from './jobs.ts';

/** Short, so that a lost runner is noticed within the time of a test. */
const LEASE = '10s';

const slow = (name: string, extra = '') => `
return pipeline.define({
  name = "${name}", ${extra}
  inputs = { seconds = { type = "number", default = 300 } },
  stages = {
    { name = "work", script = function()
      log.info("begun in attempt " .. job.attempt)
      if job.attempt == 1 then
        process.sh("i=0; while [ $i -lt " .. input.get("seconds") * 10 .. " ]; do "
          .. "i=$((i+1)); echo line $i; sleep 0.1; done")
      end
      log.info("ended")
    end },
  },
})`;

let installation: Installation;

beforeEach(async () => {
  installation = await startInstallation({
    orchestrators: 1,
    runners: 1,
    orchestratorEnv: { RIVET_LEASE: LEASE },
  });
});

afterEach(async () => {
  expect(await installation.stop()).toEqual([]);
});

it('a runner that is killed with a job: the job fails once as lost, and the next start cleans up', async () => {
  const { client, runners } = installation;
  const runner = runners[0]!;
  const ref = await createPipeline(client, slow('killed'));
  const { id } = await client.launchPipeline({ ref, body: {} });
  await waitForJob(client, id, (job) => job.log_lines > 3);
  runner.signal('SIGKILL');
  await runner.ended;
  const owner = (await readFile(join(runner.stateDirectory, 'owner'), 'utf8')).trim();
  const own = await containerOf(client, id);
  expect(await containersOf(owner), 'its container outlives it').toContain(own);

  const job = await waitForEnd(client, id);
  expect(job).toMatchObject({ state: 'failed', reason: 'runner_lost', attempt: 1 });
  expect(numberingFault(await allLines(client, id))).toBeUndefined();

  await installation.startRunner('runner-1', { stateDirectory: runner.stateDirectory });
  expect(await containersOf(owner)).not.toContain(own);
  expect(await client.getJob({ id })).toMatchObject({ state: 'failed', attempt: 1 });
});

it('a runner that is killed with a job that may be retried: another one ends it', async () => {
  const { client, runners } = installation;
  const ref = await createPipeline(
    client,
    slow('retried', 'retry = { max = 1, on = { "runner_lost" } },'),
  );
  const { id } = await client.launchPipeline({ ref, body: {} });
  await waitForJob(client, id, (job) => job.log_lines > 3);
  await installation.startRunner('runner-2');
  runners[0]!.signal('SIGKILL');
  const job = await waitForEnd(client, id);
  expect(job, job.message ?? '').toMatchObject({
    ...{ state: 'succeeded', attempt: 2 },
    runner: 'runner-2',
  });
  const lines = await allLines(client, id);
  expect(lines.map((line) => line.text)).toContain('begun in attempt 2');
  expect(numberingFault(lines)).toBeUndefined();
  // Whoever starts on its state directory again removes what it left.
  await installation.startRunner('runner-1', { stateDirectory: runners[0]!.stateDirectory });
});

it('a runner that is frozen until its lease is over stops the work and changes nothing', async () => {
  const { client, runners } = installation;
  const runner = runners[0]!;
  const ref = await createPipeline(client, slow('frozen'));
  const { id } = await client.launchPipeline({ ref, body: {} });
  await waitForJob(client, id, (job) => job.log_lines > 3);
  runner.signal('SIGSTOP');
  const job = await waitForEnd(client, id);
  expect(job).toMatchObject({ state: 'failed', reason: 'runner_lost' });
  const before = await allLines(client, id);
  const own = await containerOf(client, id);
  runner.signal('SIGCONT');
  const owner = (await readFile(join(runner.stateDirectory, 'owner'), 'utf8')).trim();
  // Others may stand ready for jobs to come.
  await eventually(async () => !(await containersOf(owner)).includes(own));
  expect(await allLines(client, id)).toEqual(before);
  expect((await client.getJob({ id })).state).toBe('failed');
});

it('an orchestrator that is killed and comes back: running jobs go on, their logs have no gap', async () => {
  const { client, orchestrators } = installation;
  const ref = await createPipeline(client, slow('outage'));
  const launch = () => client.launchPipeline({ ref, body: { inputs: { seconds: 6 } } });
  const ids = [(await launch()).id, (await launch()).id];
  for (const id of ids) await waitForJob(client, id, (job) => job.log_lines > 3);
  const first = orchestrators[0]!;
  first.signal('SIGKILL');
  await first.ended;
  await installation.startOrchestrator(first.port);
  for (const id of ids) {
    const job = await waitForEnd(client, id);
    expect(job, job.message ?? '').toMatchObject({ state: 'succeeded', attempt: 1 });
    const lines = await allLines(client, id);
    expect(numberingFault(lines)).toBeUndefined();
    expect(lines.map((line) => line.text).filter((text) => /^line \d/.test(text))).toEqual(
      Array.from({ length: 60 }, (_, index) => `line ${index + 1}`),
    );
  }
});

/** The name of the container of a job with one. */
async function containerOf(client: Client, id: string): Promise<string> {
  const texts = (await allLines(client, id)).map((line) => line.text);
  const names = texts.flatMap((text) => /^started container (\S+) from/.exec(text)?.[1] ?? []);
  expect(names).toHaveLength(1);
  return names[0]!;
}

async function eventually(condition: () => Promise<boolean>, ms = 60_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
