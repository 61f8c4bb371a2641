// How fast jobs reach runners: 64 simulated runners over HTTP, beside the same statement without a
// server.
import { randomUUID } from 'node:crypto';
import { silentLogger, uuidv7 } from '@rivet/base';
import type { Client } from '@rivet/protocol';
import { claimJobs, createDatabase, type Database, fulfilledTags } from '@rivet/store';
import { withInstallation } from './installation.ts';
import { alternate, type Benchmark, row } from './measure.ts';
import { registerRunners, SimulatedRunner } from './simulated-runner.ts';

const RUNNERS = 64;
/** They never end a job: each could have all of them. */
const CAPACITY = 1000;
const JOBS = 256;
const LAUNCHES_AT_ONCE = 16;
const TAGS = [{ key: 'os', value: 'linux' }];

const source = `
return pipeline.define({
  name = "bench",
  stages = { { name = "one", script = function() log.info("hello") end } },
})`;

export const claimBenchmark: Benchmark = {
  name: 'claims',
  about: `claims a second, ${RUNNERS} runners`,
  run: (rounds) =>
    withInstallation(
      { orchestratorSettings: { RIVET_LEASE: '1h' } },
      async ({ client, databaseUrl, orchestrators, createPipeline }) => {
        const [{ url } = { url: '' }] = orchestrators;
        const database = createDatabase({
          url: databaseUrl,
          applicationName: 'rivet-bench',
          logger: silentLogger,
          connectionsMax: 10,
        });
        const shape = { client, url, count: RUNNERS, tags: TAGS, capacity: CAPACITY };
        const runners = (await registerRunners(shape)).map(
          (identity) => new SimulatedRunner({ ...identity, url, capacity: CAPACITY }),
        );
        try {
          await Promise.all(runners.map((runner) => runner.connect()));
          await createPipeline(source);
          const measured = await alternate(
            rounds,
            () => perSecond(client, runners, claimOverHttp),
            () => perSecond(client, runners, (runner) => claimBySql(database, runner)),
          );
          return row({ name: 'claims', against: 'the statement alone', unit: '1/s', ...measured });
        } finally {
          await Promise.all(runners.map((runner) => runner.close()));
          await database.close();
        }
      },
    ),
};

/** Launches jobs, then has every runner claim one at a time until all are taken. */
async function perSecond(
  client: Client,
  runners: readonly SimulatedRunner[],
  claim: (runner: SimulatedRunner) => Promise<number>,
): Promise<number> {
  for (let launched = 0; launched < JOBS; launched += LAUNCHES_AT_ONCE) {
    await Promise.all(
      Array.from({ length: LAUNCHES_AT_ONCE }, () =>
        client.launchPipeline({ ref: 'bench', body: {} }),
      ),
    );
  }
  let claimed = 0;
  const start = performance.now();
  await Promise.all(
    runners.map(async (runner) => {
      while (claimed < JOBS) {
        const count = await claim(runner);
        claimed += count;
        if (count === 0 && claimed < JOBS) await new Promise(setImmediate);
      }
    }),
  );
  return (claimed * 1000) / (performance.now() - start);
}

async function claimOverHttp(runner: SimulatedRunner): Promise<number> {
  return (await runner.claim()).jobs.length;
}

async function claimBySql(database: Database, runner: SimulatedRunner): Promise<number> {
  const slot = { runnerId: runner.id, requestId: uuidv7(), leaseId: randomUUID() };
  const fulfils = fulfilledTags(TAGS);
  const rows = await claimJobs(database, {
    slots: [slot],
    fulfils,
    pipelines: ['*'],
    leaseSeconds: 3600,
  });
  return rows.length;
}
