// How many jobs a queue takes through a second: 64 runners over HTTP beside statements without a
// server, and beside graphile-worker.

import { silentLogger } from '@rivet/base';
import type { ClaimedJob, Client, JobReport } from '@rivet/protocol';
import { createDatabase } from '@rivet/store';
import { makeWorkerUtils, run as runWorker, Logger as WorkerLogger } from 'graphile-worker';
import { type Installation, withInstallation } from './installation.ts';
import { type Benchmark, type Row, ratioAtLeast, row } from './measure.ts';
import { plainPipeline } from './plain-pipeline.ts';
import { registerRunners, reportOf, SimulatedRunner } from './simulated-runner.ts';

const RUNNERS = 64;
const JOBS = 3000;
const WORKER_JOBS = 1500;
const LAUNCHES = 1000;
const CONNECTIONS = 16;
const WORKER_CONCURRENCY = 16;
const CAPACITY = 4;
/**
 * Rounds of each that are not counted. A server runs for weeks; in its first 15,000 jobs V8 still
 * compiles what is hot, and a job takes it twice the processor time.
 */
const WARM_UP_ROUNDS = 5;

export const claimBenchmark: Benchmark = {
  name: 'claims',
  about: `claim and complete, jobs a second: ${RUNNERS} runners over HTTP`,
  async run(rounds) {
    const settings = { RIVET_LEASE: '1h' };
    return withInstallation({ orchestratorSettings: settings }, async (installation) => {
      const name = await installation.createPipeline(plainPipeline);
      const single = await makeRunners(installation, 'single', 1);
      const several = await makeRunners(installation, 'several', CAPACITY);
      const bare = await openBareQueue(installation.databaseUrl);
      const worker = await openWorkerQueue(installation.databaseUrl);
      const { client } = installation;
      const subjects = {
        single: () => perSecond(client, name, single, 1),
        several: () => perSecond(client, name, several, CAPACITY),
        bare: bare.perSecond,
        worker: () => worker.perSecond(undefined),
        concurrent: () => worker.perSecond(WORKER_CONCURRENCY),
      };
      const values = await byTurns(rounds, subjects);
      await bare.close();
      await worker.close();
      for (const runner of [...single, ...several]) await runner.close();
      return rowsOf(values);
    });
  },
};

type Subject = 'single' | 'several' | 'bare' | 'worker' | 'concurrent';

/** Each subject once a round, after those that are not counted; another begins each time. */
async function byTurns(
  rounds: number,
  subjects: Readonly<Record<Subject, () => Promise<number>>>,
): Promise<Record<Subject, number[]>> {
  const values: Record<Subject, number[]> = {
    ...{ single: [], several: [], bare: [], worker: [], concurrent: [] },
  };
  const names = Object.keys(subjects) as Subject[];
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) {
    for (const name of names) await subjects[name]();
  }
  for (let round = 0; round < rounds; round += 1) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      values[name].push(await subjects[name]());
    }
  }
  return values;
}

function rowsOf(values: Readonly<Record<Subject, readonly number[]>>): Row[] {
  const unit = '1/s';
  const one = 'claim + complete';
  const many = `${one}, ${CAPACITY} jobs a runner`;
  const bare = {
    against: `bare SQL, ${CONNECTIONS} connections`,
    unit,
    peer: values.bare,
  } as const;
  const worker = { against: 'graphile-worker, defaults', unit, peer: values.worker } as const;
  return [
    row({ ...bare, name: one, ours: values.single, target: ratioAtLeast(1.25) }),
    row({ ...bare, name: many, ours: values.several, target: ratioAtLeast(1.25) }),
    row({ ...worker, name: one, ours: values.single, target: ratioAtLeast(2) }),
    row({
      ...{ name: one, unit, ours: values.single, peer: values.concurrent },
      against: `graphile-worker, concurrency ${WORKER_CONCURRENCY}`,
    }),
  ];
}

async function makeRunners(
  { client, orchestrators }: Installation,
  namePrefix: string,
  capacity: number,
): Promise<SimulatedRunner[]> {
  const url = orchestrators[0]?.url ?? '';
  const options = { client, url, count: RUNNERS, namePrefix, capacity };
  const identities = await registerRunners(options);
  const runners = identities.map((one) => new SimulatedRunner({ ...one, url, capacity }));
  for (const runner of runners) await runner.connect();
  return runners;
}

/** Launches jobs; then each runner claims, and reports the end of what it has with the next claim. */
async function perSecond(
  client: Client,
  pipeline: string,
  runners: readonly SimulatedRunner[],
  capacity: number,
): Promise<number> {
  const launches = Array.from({ length: LAUNCHES }, () => ({ pipeline }));
  for (let launched = 0; launched < JOBS; launched += LAUNCHES) {
    await client.launchJobs({ body: { launches } });
  }
  let ended = 0;
  const start = performance.now();
  const work = async (runner: SimulatedRunner): Promise<void> => {
    let held: readonly ClaimedJob[] = [];
    while (ended < JOBS) {
      const reports = held.map((job): JobReport => {
        const outcome = { state: 'succeeded' } as const;
        return { job_id: job.id, ...reportOf(job, 1, { outcome }) };
      });
      const asked = { capacity, repeat: false, ...(reports.length > 0 && { reports }) };
      const answer = await runner.claim(asked);
      for (const result of answer.reports ?? []) {
        if ('problem' in result) throw new Error(JSON.stringify(result.problem));
        ended += 1;
      }
      held = answer.jobs;
    }
  };
  await Promise.all(runners.map(work));
  return (JOBS * 1000) / (performance.now() - start);
}

interface Peer {
  close(): Promise<void>;
}

/** The least that a queue in PostgreSQL can do for a job: two prepared statements, two commits. */
async function openBareQueue(
  url: string,
): Promise<Peer & { readonly perSecond: () => Promise<number> }> {
  const database = createDatabase({ url, applicationName: 'bench', logger: silentLogger });
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => database.connect()));
  const query = async (text: string): Promise<void> => {
    await clients[0]?.query(text);
  };
  await query(`CREATE SCHEMA bench`);
  await query(`CREATE TABLE bench.queue (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state text NOT NULL DEFAULT 'queued',
    runner integer,
    payload json NOT NULL
  ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500)`);
  await query(`CREATE INDEX ON bench.queue (id) WHERE state = 'queued'`);
  const claim = {
    name: 'bare_claim',
    text: `UPDATE bench.queue SET state = 'running', runner = $1 WHERE id = (
      SELECT id FROM bench.queue WHERE state = 'queued' ORDER BY id LIMIT 1
      FOR UPDATE SKIP LOCKED) RETURNING id, payload`,
  };
  const complete = { name: 'bare_complete', text: `DELETE FROM bench.queue WHERE id = $1` };
  return {
    async perSecond() {
      await query(`TRUNCATE bench.queue`);
      await query(`INSERT INTO bench.queue (payload) SELECT '{}' FROM generate_series(1, ${JOBS})`);
      const start = performance.now();
      await Promise.all(
        clients.map(async (client, index) => {
          for (;;) {
            const { rows } = await client.query<{ id: string }>({ ...claim, values: [index] });
            const [job] = rows;
            if (job === undefined) return;
            await client.query({ ...complete, values: [job.id] });
          }
        }),
      );
      return (JOBS * 1000) / (performance.now() - start);
    },
    async close() {
      await Promise.all(clients.map((client) => client.end()));
      await database.close();
    },
  };
}

/** graphile-worker with a task that does nothing. */
async function openWorkerQueue(
  connectionString: string,
): Promise<Peer & { perSecond(concurrency: number | undefined): Promise<number> }> {
  const logger = new WorkerLogger(() => () => undefined);
  const utils = await makeWorkerUtils({ connectionString, logger });
  await utils.migrate();
  return {
    async perSecond(concurrency) {
      const jobs = Array.from({ length: WORKER_JOBS }, () => ({
        identifier: 'nothing',
        payload: {},
      }));
      await utils.addJobs(jobs);
      const { promise: ended, resolve: end } = Promise.withResolvers<number>();
      let start: number | undefined;
      let done = 0;
      const nothing = async (): Promise<void> => {
        start ??= performance.now();
        done += 1;
        if (done === WORKER_JOBS) end(performance.now() - start);
      };
      const runner = await runWorker({
        ...{ connectionString, logger, noHandleSignals: true, taskList: { nothing } },
        ...(concurrency !== undefined && { concurrency }),
      });
      const ms = await ended;
      await runner.stop();
      return (WORKER_JOBS * 1000) / ms;
    },
    close: async () => utils.release(),
  };
}
