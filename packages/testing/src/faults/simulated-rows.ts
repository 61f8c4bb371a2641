// The rows of a simulated history: its runners and jobs, and the time that passes for them.
import { uuidv7 } from '@rivet/base';
import type { Queryable } from '@rivet/store';

/** How a job stands. */
export interface SimulatedJob {
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

/** A runner without tags. Its id. */
export async function insertSimulatedRunner(db: Queryable, name: string): Promise<string> {
  const id = uuidv7();
  await run(
    db,
    `INSERT INTO runners (id, name, session, token_hash, tags, capacity, version)
     VALUES ($1, $2, gen_random_uuid(), sha256($3), '[]', 4, '')`,
    [id, `${name}-${id}`, Buffer.from(id)],
  );
  return id;
}

/** A job of the first version of a pipeline, in the queue. Its id. */
export async function launchSimulatedJob(db: Queryable, pipeline: string): Promise<string> {
  const id = uuidv7();
  await run(
    db,
    `WITH job AS (
       INSERT INTO jobs (id, pipeline_id, version, pipeline_name, inputs, launched_by, tags, event,
         priority)
       SELECT $1, id, 1, name, '{}', '', '[]', 'api', 0 FROM pipelines WHERE name = $2
       RETURNING id, pipeline_name
     )
     INSERT INTO job_queue (job_id, priority, pipeline_name, needs)
     SELECT id, 0, pipeline_name, '{}' FROM job`,
    [id, pipeline],
  );
  return id;
}

/** What lies ahead for the jobs of a pipeline comes nearer: the end of a lease, another attempt. */
export async function passSimulatedTime(
  db: Queryable,
  pipeline: string,
  ms: number,
): Promise<void> {
  const by = 'make_interval(secs => $2::float8 / 1000)';
  await run(
    db,
    `WITH q AS (
       UPDATE job_queue SET run_after = run_after - ${by} WHERE pipeline_name = $1
     )
     UPDATE running_attempts a SET lease_until = lease_until - ${by},
       started_at = a.started_at - ${by}
     FROM jobs j WHERE j.id = a.job_id AND j.pipeline_name = $1`,
    [pipeline, ms],
  );
}

/** The jobs of a pipeline. */
export function readSimulatedJobs(db: Queryable, pipeline: string): Promise<SimulatedJob[]> {
  return run(
    db,
    `SELECT j.id, j.state, j.reason, j.attempt, COALESCE((
       SELECT json_agg(json_build_object('attempt', a.attempt, 'result', a.result, 'message',
         a.message)) FROM job_attempts a WHERE a.job_id = j.id), '[]') AS attempts
     FROM jobs j WHERE j.pipeline_name = $1`,
    [pipeline],
  );
}

/** The attempt that runs; undefined when none does. */
export async function readCurrentAttempt(
  db: Queryable,
  jobId: string,
): Promise<{ attempt: number; lease_id: string; last_seq: number } | undefined> {
  const text = 'SELECT attempt, lease_id, last_seq FROM running_attempts WHERE job_id = $1';
  return (await run<{ attempt: number; lease_id: string; last_seq: number }>(db, text, [jobId]))[0];
}

function run<Row extends object>(
  db: Queryable,
  text: string,
  values: readonly unknown[],
): Promise<Row[]> {
  return db.query<Row>({ name: '', text, repeatable: false }, values);
}
