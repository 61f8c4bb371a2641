// Runners that say that they cannot take jobs now, against a real database and two orchestrators.
import { expect, test } from 'vitest';
import {
  FakeRunner,
  seedPipeline,
  startTestOrchestrator,
  useTestOrchestrator,
} from '../test-orchestrator.ts';

const server = useTestOrchestrator();
const problem = 'its disk /var has 1GB left';

/** A runner that is the only one for a pipeline, of which a job waits. */
async function setUp() {
  const { client, database } = server;
  const ref = await seedPipeline(database);
  const runner = await FakeRunner.register(client, { pipelines: [ref] });
  const { id } = await client.launchPipeline({ ref, body: {} });
  return { client, runner, id, shown: () => client.getRunner({ ref: runner.name }) };
}

test('a runner with a problem is given nothing, and whoever waits for it reads why', async () => {
  const { client, runner, id, shown } = await setUp();
  expect(await runner.claim({ problem })).toEqual([]);
  expect(await shown()).toMatchObject({ state: 'unfit', problem });
  expect((await client.explainJob({ id })).causes).toContainEqual({
    code: 'runner_unfit',
    text: `The runner ${runner.name} takes no jobs: ${problem}.`,
  });
  const metrics = await fetch(`${server.url}/metrics`, {
    headers: { authorization: `Bearer ${server.token}` },
  });
  expect(await metrics.text()).toMatch(/^rivet_runners\{fit="no"\} [1-9]\d*$/m);
  expect(await runner.claimOne()).toMatchObject({ id });
  expect(await shown()).toMatchObject({ state: 'online', problem: null });
});

test('a problem may hold any text, as what programs print does', async () => {
  const { runner, shown } = await setUp();
  const strange = 'its Podman does not work (\0, half \ud800 a pair)';
  const kept = 'its Podman does not work (\ufffd, half \ufffd a pair)';
  expect(await runner.claim({ problem: strange })).toEqual([]);
  expect(await shown()).toMatchObject({ state: 'unfit', problem: kept });
});

test('what a runner told one orchestrator is taken back at another', async () => {
  const { runner, id, shown } = await setUp();
  const other = await startTestOrchestrator(server.databaseUrl);
  try {
    const there = runner.through(other.client);
    // Both know it before it says anything.
    await runner.claim({ full: true });
    await there.claim({ full: true });
    await runner.claim({ problem });
    expect(await there.claimOne()).toMatchObject({ id });
    // The other orchestrator notices within seconds that the database says something else.
    await expect
      .poll(
        async () => {
          await there.claim({ full: true });
          return (await shown()).problem;
        },
        { timeout: 60_000 },
      )
      .toBeNull();
  } finally {
    await other.orchestrator.stop();
  }
});

test('a runner that connects again has said nothing yet', async () => {
  const { runner, shown } = await setUp();
  await runner.claim({ problem });
  await runner.reconnect([]);
  expect(await shown()).toMatchObject({ state: 'online', problem: null });
});
