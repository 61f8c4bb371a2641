// An update in the middle of the day: two orchestrators behind a balancer and a runner become those
// of the next version, one after the other, while jobs run.
import { join } from 'node:path';
import { type Client, createClient } from '@rivet/protocol';
import { startTcpProxy, type TcpProxy } from '@rivet/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Installation, startInstallation } from './installation.ts';
import { allLines, createPipeline, numberingFault, waitForEnd, waitForJob } from './jobs.ts';
import { addMigration, makeNextVersion } from './next-version.ts';

const LINES = 20;
/** Long enough for a machine on which the start of a program takes a minute. */
const LEASE = '5m';
const DEADLINE_MS = 240_000;

const source = `
return pipeline.define({ name = "all_day", stages = { { name = "count", script = function()
  process.sh("i=0; while [ $i -lt ${LINES} ]; do i=$((i+1)); echo line $i; sleep 0.1; done")
  process.sh("echo ran >> runs; cat runs")
end } } })`;

let installation: Installation;
let balancer: TcpProxy;
let next: string;

beforeEach(async () => {
  installation = await startInstallation({
    orchestrators: 2,
    runners: 0,
    capacity: 4,
    orchestratorEnv: { RIVET_LEASE: LEASE },
    runnerEnv: { RIVET_ON_TERM: 'handover' },
  });
  const { port } = installation.orchestrators[0]!;
  balancer = await startTcpProxy({ target: { host: '127.0.0.1', port } });
  next = join(installation.directory, 'next');
  await makeNextVersion(next);
}, DEADLINE_MS);

afterEach(async () => {
  // At TERM they would leave their containers to the next process.
  for (const runner of installation.runners) runner.signal('SIGINT');
  for (const runner of installation.runners) await runner.ended;
  expect(await installation.stop()).toEqual([]);
  await balancer.close();
}, DEADLINE_MS);

const url = () => `http://127.0.0.1:${balancer.port}`;

/** Whoever comes anew is sent to the other orchestrator; then this one becomes the next version. */
async function updateOrchestrator(n: number, other: number): Promise<void> {
  const [old, kept] = [installation.orchestrators[n]!, installation.orchestrators[other]!];
  balancer.retarget({ host: '127.0.0.1', port: kept.port });
  expect(await old.stop()).toBe(0);
  const updated = await installation.startOrchestrator(old.port, next);
  // The balancer has it again in its list, and asks it from now on.
  installation.orchestrators.splice(installation.orchestrators.indexOf(updated), 1);
  installation.orchestrators[n] = updated;
}

/** The next process on the state directory goes on with what the one before left. */
async function updateRunner(): Promise<void> {
  const old = installation.runners[0]!;
  expect(await old.stop()).toBe(0);
  const { stateDirectory } = old;
  await installation.startRunner('runner', { url: url(), stateDirectory, root: next });
}

/** Launches a job whenever one has ended, until it is told to stop; gives their ids. */
function keepLaunching(client: Client, ref: string): () => Promise<string[]> {
  const ids: string[] = [];
  let over = false;
  const launching = (async () => {
    while (!over) {
      const idempotencyKey = `job-${ids.length}`;
      const { id } = await client.launchPipeline({ ref, body: {}, idempotencyKey });
      ids.push(id);
      await waitForEnd(client, id, DEADLINE_MS);
    }
  })();
  // What fails in it is told where it is asked for.
  launching.catch(() => undefined);
  return async () => {
    over = true;
    await launching;
    return ids;
  };
}

it(
  'loses no job, no line and no request of anybody',
  async () => {
    const client = createClient({ url: url(), token: installation.token });
    await installation.startRunner('runner', { url: url() });
    const ref = await createPipeline(client, source);
    const stopLaunching = keepLaunching(client, ref);
    const watched: string[] = [];
    const oneRuns = async (): Promise<void> => {
      const idempotencyKey = `watched-${watched.length}`;
      const { id } = await client.launchPipeline({ ref, body: {}, idempotencyKey });
      watched.push(id);
      await waitForJob(client, id, (job) => job.log_lines > 0, DEADLINE_MS);
    };
    await oneRuns();

    await addMigration(next, '9001_of_next', 'ALTER TABLE runners ADD COLUMN of_next integer;');
    await updateOrchestrator(0, 1);
    // Both versions serve at the same time, on the schema of the newer one.
    for (const { client: one } of installation.orchestrators) {
      expect(await one.getReadiness()).toEqual({ status: 'ok' });
    }
    await oneRuns();
    await updateOrchestrator(1, 0);
    // The runner is of the version before, and goes on with orchestrators of the next one.
    await oneRuns();
    await updateRunner();
    await oneRuns();

    const ids = await stopLaunching();
    for (const id of [...watched, ...ids]) await expectWhole(client, id);
  },
  DEADLINE_MS,
);

async function expectWhole(client: Client, id: string): Promise<void> {
  const job = await waitForEnd(client, id, DEADLINE_MS);
  const { causes } = await client.explainJob({ id });
  const why = causes?.map(({ text }) => text).join('\n');
  expect(job, why).toMatchObject({ state: 'succeeded', attempt: 1 });
  const lines = await allLines(client, id);
  expect(numberingFault(lines)).toBeUndefined();
  const counted = Array.from({ length: LINES }, (_, index) => `line ${index + 1}`);
  const said = lines.filter(({ stream }) => stream === 'stdout').map(({ text }) => text);
  expect(said).toEqual([...counted, 'ran']);
}
