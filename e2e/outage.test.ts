// A database that is away, or says nothing, for longer than leases last: jobs that run go on.
import { startTcpProxy, type TcpProxy } from '@rivet/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Installation, startInstallation } from './installation.ts';
import { allLines, createPipeline, numberingFault, waitForEnd, waitForJob } from './jobs.ts';

const LEASE_SECONDS = 8;
/** Of each kind. */
const OUTAGE_MS = 1.5 * LEASE_SECONDS * 1000;
const LINES = 280;

const source = `
return pipeline.define({
  name = "outage",
  stages = {
    { name = "work", script = function()
      process.sh("i=0; while [ $i -lt ${LINES} ]; do i=$((i+1)); echo line $i; sleep 0.1; done")
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

it('a job lives through a database that refuses connections, and then says nothing', async () => {
  const { client } = installation;
  const ref = await createPipeline(client, source);
  const { id } = await client.launchPipeline({ ref, body: {} });
  await waitForJob(client, id, (job) => job.log_lines > 3);
  proxy.break();
  await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
  proxy.mend();
  proxy.set({ silent: true });
  await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
  proxy.mend();
  await expect
    .poll(() => client.getReadiness().then(Boolean, () => false), { timeout: 30_000 })
    .toBe(true);
  const job = await waitForEnd(client, id, 60_000);
  expect(job, job.message ?? '').toMatchObject({ state: 'succeeded', attempt: 1 });
  const lines = await allLines(client, id);
  expect(numberingFault(lines)).toBeUndefined();
  expect(lines.map(({ text }) => text).filter((text) => /^line \d+$/.test(text))).toEqual(
    Array.from({ length: LINES + 1 }, (_, index) => `line ${index + 1}`),
  );
});
