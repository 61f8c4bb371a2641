// A queue under load without HTTP: the statements by which the server launches, claims and ends
// jobs.
import { randomBytes, randomUUID } from 'node:crypto';
import { uuidv7 } from '@rivet/base';
import {
  type ClaimedRow,
  type Database,
  finishAttempts,
  insertJobs,
  insertRunner,
  lockReportedAttempts,
  QueueSearch,
} from '@rivet/store';

const PIPELINE = 'bench';
/** Jobs of one statement: about what 64 runners that come and go make of it. */
const BATCH = 32;
/** As two orchestrators. */
const CLAIMERS = 2;
const LAUNCHES_AT_ONCE = 100;

/** One database with a pipeline and a runner. */
export interface QueueLoad {
  readonly pipelineId: string;
  readonly runnerId: string;
  /** Launches so many jobs, then claims and ends all of them: jobs a second of the latter. */
  perSecond(jobs: number): Promise<number>;
}

/** Makes a pipeline and a runner in a migrated database. */
export async function openQueueLoad(database: Database): Promise<QueueLoad> {
  const [pipelineId, runnerId] = [uuidv7(), uuidv7()];
  await insertRunner(database, {
    id: runnerId,
    name: 'bench',
    tokenHash: randomBytes(32),
    registeredWith: uuidv7(),
    fixedTags: [],
    tagKeys: [],
    pipelines: ['*'],
    tags: [],
    capacity: 1,
    version: 'bench',
  });
  await runSql(
    database,
    `INSERT INTO pipelines (id, name, description, version)
     VALUES ('${pipelineId}', '${PIPELINE}', '', 1)`,
  );
  await runSql(
    database,
    `INSERT INTO pipeline_versions SELECT id, 1, '', '{}', '{}' FROM pipelines`,
  );
  const searches = Array.from({ length: CLAIMERS }, () => new QueueSearch(() => undefined));
  return {
    pipelineId,
    runnerId,
    async perSecond(jobs) {
      await launchJobs(database, pipelineId, jobs);
      const start = performance.now();
      let done = 0;
      const work = async (search: QueueSearch): Promise<void> => {
        while (done < jobs) {
          const rows = await claim(database, search, runnerId);
          if (rows.length > 0) await finish(database, runnerId, rows);
          done += rows.length;
        }
      };
      await Promise.all(searches.map(work));
      return (jobs * 1000) / (performance.now() - start);
    },
  };
}

async function launchJobs(database: Database, pipelineId: string, count: number): Promise<void> {
  for (let launched = 0; launched < count; launched += LAUNCHES_AT_ONCE) {
    const length = Math.min(LAUNCHES_AT_ONCE, count - launched);
    await database.transaction(
      (tx) =>
        insertJobs(tx, {
          jobs: Array.from({ length }, () => ({ id: uuidv7(), inputs: {}, priority: 0 })),
          pipelineId,
          pipelineName: PIPELINE,
          version: 1,
          current: false,
          tags: [],
          launchedBy: 'bench',
          event: 'api',
          retryOf: null,
        }),
      { repeatable: true },
    );
  }
}

function claim(
  database: Database,
  search: QueueSearch,
  runnerId: string,
): Promise<readonly ClaimedRow[]> {
  const slots = Array.from({ length: BATCH }, () => ({
    runnerId,
    requestId: randomUUID(),
    leaseId: randomUUID(),
  }));
  return search.claim(database, { slots, fulfils: [], pipelines: ['*'], leaseSeconds: 3600 });
}

async function finish(
  database: Database,
  runnerId: string,
  rows: readonly ClaimedRow[],
): Promise<void> {
  const reported = rows.map((row) => ({ jobId: row.job_id, attempt: row.attempt, runnerId }));
  await database.transaction(
    async (tx) => {
      const locked = await lockReportedAttempts(tx, reported);
      const ends = locked.map(({ id, attempt }) => ({
        ...{ jobId: id, attempt, seq: 1, logLines: 0, logBytes: 0 },
        ...{ state: 'succeeded' as const, reason: null, message: null, code: null },
      }));
      await finishAttempts(tx, ends);
    },
    { repeatable: true },
  );
}

/** Runs a statement of a benchmark's own. */
export async function runSql(database: Database, text: string): Promise<void> {
  await database.query({ name: '', text, repeatable: false });
}
