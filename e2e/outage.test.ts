// A database that is away, or says nothing, for longer than leases last: jobs that run go on.
import { startTcpProxy, type TcpProxy } from '@rivet/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Installation, startInstallation } from './installation.ts';
import { allLines, createPipeline, numberingFault, waitForEnd, waitForJob } from './jobs.ts';

const LEASE_SECONDS = 8;
/** Of `npm run chaos -- --outage MINUTES`; three leases when it is not asked for. */
const minutes = Number(process.env.OUTAGE_MINUTES ?? (3 * LEASE_SECONDS) / 60);
const OUTAGE_MS = minutes * 60_000;
/** Ten times a second, for longer than the outage. */
const TICKS = Math.ceil(OUTAGE_MS / 100) + 40;
/** Of a long outage each time so many that the spool has something to hold. */
const LINES_AT_ONCE = minutes < 1 ? 1 : 20;
const LINES = TICKS * LINES_AT_ONCE;
const TEST_MS = OUTAGE_MS * 2 + 180_000;

const source = `
return pipeline.define({
  name = "outage",
  timeout = "12h",
  stages = {
    { name = "work", script = function()
      process.sh([[i=0; while [ $i -lt ${LINES} ]; do
        i=$((i+1)); echo line $i; [ $((i % ${LINES_AT_ONCE})) != 0 ] || sleep 0.1; done]])
      log.info("and another")
      process.sh("echo line ${LINES + 1}")
    end },
  },
})`;

let installation: Installation;
let proxy: TcpProxy;

beforeEach(async () => {
  const orchestratorEnv: Record<string, string> = { RIVET_LEASE: `${LEASE_SECONDS}s` };
  installation = await startInstallation({ orchestrators: 0, runners: 0, orchestratorEnv });
  const direct = new URL(installation.databaseEnv.DATABASE_URL ?? '');
  proxy = await startTcpProxy({ target: { host: direct.hostname, port: Number(direct.port) } });
  const through = new URL(direct);
  through.port = String(proxy.port);
  orchestratorEnv.DATABASE_URL = through.href;
  await installation.startOrchestrator();
  await installation.startRunner('runner-1');
});

afterEach(async () => {
  proxy.mend();
  expect(await installation.stop()).toEqual([]);
  await proxy.close();
});

it('a job lives through a database that refuses connections, and then says nothing', {
  timeout: TEST_MS,
}, async () => {
  const { client } = installation;
  const isReady = () => client.getReadiness().then(Boolean, () => false);
  const ref = await createPipeline(client, source);
  const { id } = await client.launchPipeline({ ref, body: {} });
  await waitForJob(client, id, (job) => job.log_lines > 3);
  proxy.break();
  await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS / 2));
  expect(await isReady(), 'the database can be reached').toBe(false);
  proxy.mend();
  proxy.set({ silent: true });
  await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS / 2));
  expect(await isReady(), 'the database can be reached').toBe(false);
  proxy.mend();
  await expect.poll(isReady, { timeout: 120_000 }).toBe(true);
  const job = await waitForEnd(client, id, TEST_MS - OUTAGE_MS - 60_000);
  expect(job, job.message ?? '').toMatchObject({ state: 'succeeded', attempt: 1 });
  const lines = await allLines(client, id);
  expect(numberingFault(lines)).toBeUndefined();
  expect(lines.map(({ text }) => text).filter((text) => /^line \d+$/.test(text))).toEqual(
    Array.from({ length: LINES + 1 }, (_, index) => `line ${index + 1}`),
  );
});
