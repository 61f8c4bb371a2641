// People and operators who change their minds: cancel what waits, cancel what runs, stop a runner.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Installation, startInstallation } from './installation.ts';
import { allLines, createPipeline, waitForEnd, waitForJob } from './jobs.ts';

const waiting = `
return pipeline.define({
  name = "waiting",
  stages = {
    { name = "work", script = function() process.sh("echo begun; sleep 300") end },
    { name = "clean", always = true, script = function() log.info("cleaned up") end },
  },
})`;

const elsewhere = `
return pipeline.define({
  name = "elsewhere",
  runner = { { key = "gpu", value = "*" } },
  stages = { { name = "work", script = function() log.info("never seen") end } },
})`;

let installation: Installation;

beforeEach(async () => {
  installation = await startInstallation({ capacity: 1 });
});

afterEach(async () => {
  expect(await installation.stop()).toEqual([]);
});

it('a running job that is canceled stops its command, runs its last stage, and ends as canceled', async () => {
  const { client } = installation;
  const ref = await createPipeline(client, waiting);
  const { id } = await client.launchPipeline({ ref, body: {} });
  await waitForJob(client, id, (job) => job.log_lines > 0);
  await client.cancelJob({ id });
  const job = await waitForEnd(client, id);
  expect(job.state).toBe('canceled');
  const stages = Object.fromEntries(job.stages.map((stage) => [stage.name, stage.state]));
  expect(stages).toEqual({ work: 'canceled', clean: 'succeeded' });
  expect((await allLines(client, id)).map((line) => line.text)).toContain('cleaned up');
});

it('a queued job says why it waits, and is canceled at once without a runner', async () => {
  const { client } = installation;
  const ref = await createPipeline(client, elsewhere);
  const { id } = await client.launchPipeline({ ref, body: {} });
  const { state, reasons } = await client.explainJob({ id });
  expect(state).toBe('queued');
  expect(reasons.join('\n')).toContain('gpu');
  expect((await client.cancelJob({ id })).state).toBe('canceled');
  expect((await client.getJob({ id })).stages.map((stage) => stage.state)).not.toContain('running');
});

it('a runner that is told to stop ends its job within the grace and takes no other', async () => {
  const { client, runners } = installation;
  const ref = await createPipeline(client, waiting.replace('sleep 300', 'sleep 3'));
  const first = await client.launchPipeline({ ref, body: {} });
  await waitForJob(client, first.id, (job) => job.log_lines > 0);
  const second = await client.launchPipeline({ ref, body: {} });
  runners[0]!.signal('SIGTERM');
  expect(await runners[0]!.ended).toBe(0);
  expect((await client.getJob({ id: first.id })).state).toBe('succeeded');
  expect((await client.getJob({ id: second.id })).state).toBe('queued');
});

it('a second signal cancels the job, which ends as lost and not as canceled', async () => {
  const { client, runners } = installation;
  const ref = await createPipeline(client, waiting);
  const { id } = await client.launchPipeline({ ref, body: {} });
  await waitForJob(client, id, (job) => job.log_lines > 0);
  runners[0]!.signal('SIGTERM');
  await runners[0]!.announced('stopping');
  runners[0]!.signal('SIGTERM');
  expect(await runners[0]!.ended).toBe(0);
  expect(await client.getJob({ id })).toMatchObject({ state: 'failed', reason: 'runner_lost' });
});

it('a second runner on the same state directory is refused with the process id of the first', async () => {
  const { runners } = installation;
  const { stateDirectory, pid } = runners[0]!;
  await expect(installation.startRunner('rival', { stateDirectory })).rejects.toThrow(
    new RegExp(`ended with 1:[^]*process id ${pid}`),
  );
});
