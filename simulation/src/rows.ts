// The rows of a history: its runners and jobs as they stand.
import { uuidv7 } from '@rivet/base';
import { bundleDigest } from '@rivet/engine';
import type { LogLine } from '@rivet/protocol';
import {
  type Database,
  decodeLogChunk,
  insertPipeline,
  insertPipelineVersion,
  type Queryable,
} from '@rivet/store';

/** Attempts of a job that its pipeline allows besides the first. */
export const RETRIES = 2;

/** How a job stands. */
export interface JobRow {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly attempt: number;
  /** Those that have ended. */
  readonly attempts: readonly {
    readonly attempt: number;
    readonly result: string;
    readonly message: string | null;
  }[];
}

/** A pipeline of the history's own. Its name. */
export async function insertSimulatedPipeline(db: Queryable): Promise<string> {
  const name = `p-${uuidv7()}`;
  const definition = {
    ...{ name, description: '', inputs: [], runner: [], plugins: [], secrets: [], env: {} },
    ...{ timeout_ms: null, policy: {}, stages: [] },
    retry: { max: RETRIES, on: ['runner_lost' as const, 'infrastructure' as const] },
  };
  const pipeline = await insertPipeline(db, { id: uuidv7(), name, description: '' });
  if (pipeline === undefined) throw new Error(`there is a pipeline ${name} already`);
  const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': '' } };
  const digest = bundleDigest(bundle);
  await insertPipelineVersion(db, pipeline.id, 1, { digest, bundle, definition });
  return name;
}

/** Runners without tags, for the jobs of one pipeline. */
export async function insertSimulatedRunners(
  db: Queryable,
  pipeline: string,
  runners: readonly { readonly name: string; readonly tokenHash: Buffer }[],
): Promise<void> {
  const ids = runners.map(() => uuidv7());
  await run(
    db,
    'runners',
    `INSERT INTO runners (id, name, session, token_hash, tags, pipelines, capacity, version)
     SELECT id, name || '-' || id, id, token_hash, '[]', ARRAY[$4], 4, ''
     FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS r(id, name, token_hash)`,
    [ids, runners.map(({ name }) => name), runners.map(({ tokenHash }) => tokenHash), pipeline],
  );
}

/** Jobs of a pipeline, in the queue. Their ids. */
export async function launchSimulatedJobs(
  db: Queryable,
  pipeline: string,
  count: number,
): Promise<string[]> {
  const ids = Array.from({ length: count }, () => uuidv7());
  await run(
    db,
    'launch',
    `WITH job AS (
       INSERT INTO jobs (id, pipeline_id, version, pipeline_name, inputs, launched_by, tags, event,
         priority)
       SELECT new, id, 1, name, '{}', '', '[]', 'api', 0
       FROM pipelines, unnest($1::uuid[]) AS new WHERE name = $2
       RETURNING id, pipeline_name
     )
     INSERT INTO job_queue (job_id, priority, pipeline_name, needs)
     SELECT id, 0, pipeline_name, '{}' FROM job`,
    [ids, pipeline],
  );
  return ids;
}

/** The jobs of a pipeline in the order in which they were launched. */
export function readSimulatedJobs(db: Queryable, pipeline: string): Promise<JobRow[]> {
  return run(
    db,
    'jobs',
    `SELECT j.id, j.state, j.reason, j.attempt, COALESCE((
       SELECT json_agg(json_build_object('attempt', a.attempt, 'result', a.result, 'message',
         a.message) ORDER BY a.attempt) FROM job_attempts a WHERE a.job_id = j.id), '[]') AS attempts
     FROM jobs j WHERE j.pipeline_name = $1 ORDER BY j.id`,
    [pipeline],
  );
}

/** The logs of these jobs, by job and attempt: `id.1`. What is missing has no lines. */
export async function readSimulatedLogs(
  db: Queryable,
  jobIds: readonly string[],
): Promise<ReadonlyMap<string, readonly LogLine[]>> {
  const rows = await run<{ id: string; first_line: number; bytes: Uint8Array }>(
    db,
    'logs',
    `SELECT job_id || '.' || attempt AS id, first_line, bytes FROM job_logs
     WHERE job_id = ANY($1::uuid[]) ORDER BY job_id, attempt, first_line`,
    [jobIds],
  );
  const logs = new Map<string, LogLine[]>();
  for (const { id, first_line: first, bytes } of rows) {
    logs.set(id, [...(logs.get(id) ?? []), ...(await decodeLogChunk(first, bytes))]);
  }
  return logs;
}

/** The names of the outputs of these jobs, by job and attempt: `id.1`. */
export async function readSimulatedOutputs(
  db: Queryable,
  jobIds: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await run<{ id: string; names: string[] }>(
    db,
    'outputs',
    `SELECT job_id || '.' || attempt AS id, array_agg(name) AS names FROM job_outputs
     WHERE job_id = ANY($1::uuid[]) GROUP BY job_id, attempt`,
    [jobIds],
  );
  return new Map(rows.map(({ id, names }) => [id, names]));
}

interface CurrentAttempt {
  readonly attempt: number;
  readonly lease_id: string;
  readonly last_seq: number;
}

/** The attempt that runs; undefined when none does. */
export async function readCurrentAttempt(
  db: Queryable,
  jobId: string,
): Promise<CurrentAttempt | undefined> {
  const text = 'SELECT attempt, lease_id, last_seq FROM running_attempts WHERE job_id = $1';
  return (await run<CurrentAttempt>(db, 'current_attempt', text, [jobId]))[0];
}

/** What histories write to. */
const WRITTEN = [
  ...['jobs', 'job_queue', 'running_attempts', 'job_attempts', 'job_logs', 'job_outputs'],
  ...['runners', 'pipeline_versions', 'pipelines'],
];

/** Leaves nothing of histories: statements of the next ones would read past it. */
export async function forgetHistories(db: Database): Promise<void> {
  const forget = async (tx: Queryable): Promise<void> => {
    // Without triggers: some keep others from deleting anything.
    await run(tx, 'forget_all', 'SET LOCAL session_replication_role = replica', []);
    for (const table of WRITTEN) await run(tx, `forget_${table}`, `DELETE FROM ${table}`, []);
  };
  await db.transaction(forget, { repeatable: true });
  // The server does not by itself, and what is deleted would be read past as well.
  await run(db, 'vacuum', `VACUUM ${WRITTEN.join(', ')}`, []);
}

function run<Row extends object>(
  db: Queryable,
  name: string,
  text: string,
  values: readonly unknown[],
): Promise<Row[]> {
  return db.query<Row>({ name: `simulated_${name}`, text, repeatable: false }, values);
}
