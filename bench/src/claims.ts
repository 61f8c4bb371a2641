// How fast jobs reach runners: 64 simulated runners over HTTP, beside the same statement without a
// server.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, uuidv7 } from '@rivet/base';
import { startEmbeddedDatabase } from '@rivet/embedded-database';
import { type HostProcess, startProcess } from '@rivet/processes';
import { type Client, createClient } from '@rivet/protocol';
import { claimJobs, createDatabase, type Database, fulfilledTags } from '@rivet/store';
import { root, runCommand } from './command.ts';
import { alternate, type Benchmark } from './measure.ts';

const RUNNERS = 64;
/** They never end a job: each could have all of them. */
const CAPACITY = 1000;
const JOBS = 256;
const LAUNCHES_AT_ONCE = 16;
const START_MS = 30_000;
const TAGS = [{ key: 'os', value: 'linux' }];

const source = `
return pipeline.define({
  name = "bench",
  stages = { { name = "one", script = function() log.info("hello") end } },
})`;

interface SimulatedRunner {
  readonly runner_id: string;
  readonly session: string;
  /** Speaks for it. */
  readonly client: Client;
}

export const claimBenchmark: Benchmark = {
  name: 'claims',
  about: `claims a second, ${RUNNERS} runners`,
  async run(rounds) {
    const directory = await mkdtemp(join(tmpdir(), 'rivet-bench-database-'));
    const embedded = await startEmbeddedDatabase({
      dataDirectory: directory,
      logger: silentLogger,
      persistent: false,
    });
    const database = createDatabase({
      url: embedded.url,
      applicationName: 'rivet-bench',
      logger: silentLogger,
      connectionsMax: 10,
    });
    const settings = {
      DATABASE_URL: embedded.url,
      RIVET_MASTER_KEY: randomBytes(32).toString('base64'),
      RIVET_LOG_LEVEL: 'error',
    };
    const token = await bootstrap(settings);
    const orchestrator = startProcess({
      file: process.execPath,
      args: ['apps/orchestrator/src/main.ts'],
      cwd: root,
      env: {
        ...process.env,
        ...settings,
        RIVET_LISTEN: '127.0.0.1:0',
        RIVET_LEASE: '1h',
      },
      stdin: 'ignore',
      stderr: 'inherit',
    });
    try {
      const url = await listening(orchestrator);
      const client = createClient({ url, token });
      const runners = await registerRunners(client, url);
      await client.createPipeline({
        body: { bundle: { main: 'pipeline.lua', files: { 'pipeline.lua': source } } },
      });
      const measured = await alternate(
        rounds,
        () => perSecond(client, runners, claimOverHttp),
        () => perSecond(client, runners, (runner) => claimBySql(database, runner)),
      );
      return { name: 'claims', against: 'the statement alone', unit: '1/s', ...measured };
    } finally {
      await orchestrator.stop(10_000);
      await database.close();
      await embedded.stop();
      await rm(directory, { recursive: true, force: true });
    }
  },
};

/** Makes the schema, an administrator and an API key, which is the result. */
async function bootstrap(settings: Readonly<Record<string, string>>): Promise<string> {
  const program = 'apps/orchestrator/src/bootstrap.ts';
  const prepared: unknown = JSON.parse(await runCommand(process.execPath, [program], settings));
  return (prepared as { api_key: string }).api_key;
}

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

async function claimOverHttp({ client, session }: SimulatedRunner): Promise<number> {
  const body = { session, request_id: uuidv7(), capacity: 1, wait_ms: 0 };
  return (await client.claimJobs({ body })).jobs.length;
}

async function claimBySql(database: Database, runner: SimulatedRunner): Promise<number> {
  const slot = { runnerId: runner.runner_id, requestId: uuidv7(), leaseId: randomUUID() };
  const fulfils = fulfilledTags(TAGS);
  const rows = await claimJobs(database, {
    slots: [slot],
    fulfils,
    pipelines: ['*'],
    leaseSeconds: 3600,
  });
  return rows.length;
}

async function registerRunners(administrator: Client, url: string): Promise<SimulatedRunner[]> {
  const { token } = await administrator.createRegistrationToken({
    body: { uses_max: RUNNERS, tags: TAGS },
  });
  const registering = createClient({ url, token });
  const offer = { tags: [], capacity: CAPACITY, version: 'bench' };
  return Promise.all(
    Array.from({ length: RUNNERS }, async (_, index) => {
      const own = `rvr_${randomBytes(32).toString('base64url')}`;
      const hash = createHash('sha256').update(own).digest('hex');
      await registering.registerRunner({
        body: { name: `bench-${index}`, token_sha256: hash, ...offer },
      });
      const client = createClient({ url, token: own });
      const { runner_id, session } = await client.connectRunner({ body: offer });
      return { runner_id, session, client };
    }),
  );
}

/**
 * The address that the orchestrator announces. @throws when it ends, or says nothing for 30 seconds
 */
async function listening(orchestrator: HostProcess): Promise<string> {
  const timer = setTimeout(() => orchestrator.kill('SIGKILL'), START_MS);
  try {
    let text = '';
    for await (const chunk of orchestrator.stdout ?? []) {
      text += String(chunk);
      const [, url] = /"url":"([^"]+)"/.exec(text) ?? [];
      if (url !== undefined) return url;
    }
    throw new Error('the orchestrator ended before it listened; its message is above');
  } finally {
    clearTimeout(timer);
  }
}
