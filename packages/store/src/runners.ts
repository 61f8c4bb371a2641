// Runners: who they are, what they offer, when they were last heard of.
import type { RunnerTag } from '@rivet/protocol';
import { idRange, isWholeId } from './id-range.ts';
import { type Queryable, repeatable } from './statement.ts';

export interface RunnerRow {
  readonly id: string;
  readonly name: string;
  readonly tags: RunnerTag[];
  /** Patterns of the names of the pipelines that it may run. */
  readonly pipelines: string[];
  readonly capacity: number;
  readonly version: string;
  /** Whether its process is about to end. */
  readonly draining: boolean;
  /** Whether it is given no jobs: now, by the clock of the database. */
  readonly paused: boolean;
  /** The end of the pause; null when it has none. */
  readonly paused_until: Date | null;
  readonly pause_note: string | null;
  readonly paused_by: string | null;
  /** Whether its process shall end when it runs nothing. */
  readonly drain_asked: boolean;
  /** Why it takes no jobs, in its own words; null: it does. */
  readonly problem: string | null;
  readonly token_since: Date;
  readonly created_at: Date;
  readonly last_seen_at: Date;
  /** Seconds since it was last seen, by the clock of the database. */
  readonly silent_seconds: number;
  /** Jobs that it runs now. */
  readonly running: number;
}

const COLUMNS = `r.id, r.name, r.tags, r.pipelines, r.capacity, r.version, r.draining,
  COALESCE(r.paused_until > now(), false) AS paused,
  NULLIF(r.paused_until, 'infinity') AS paused_until, r.pause_note, r.paused_by, r.drain_asked, r.problem,
  r.token_since, r.created_at, r.last_seen_at,
  extract(epoch FROM now() - r.last_seen_at)::float8 AS silent_seconds,
  (SELECT count(*)::int FROM running_attempts a WHERE a.runner_id = r.id) AS running`;

const list = repeatable(
  'list_runners',
  `SELECT ${COLUMNS} FROM runners r WHERE r.name > $1 AND r.revoked_at IS NULL
   ORDER BY r.name LIMIT $2`,
);

/** Runners by name, after the name `after`; without those that were revoked. */
export function listRunners(
  db: Queryable,
  options: { after: string; limit: number },
): Promise<RunnerRow[]> {
  return db.query(list, [options.after, options.limit]);
}

const find = repeatable(
  'find_runners',
  `SELECT ${COLUMNS} FROM runners r
   WHERE r.revoked_at IS NULL AND (r.name = $1::text OR r.id BETWEEN $2 AND $3)
   -- A name means the runner of that name, also where it looks like the beginning of an id.
   ORDER BY (r.name = $1) DESC, r.id LIMIT 4`,
);

/** The runner of that name, or up to four whose id begins with it. */
export async function findRunners(db: Queryable, ref: string): Promise<RunnerRow[]> {
  // A letter or two is no beginning that somebody has looked at: it could mean any of few runners.
  const range = ref.length < 4 ? undefined : idRange(ref);
  const name = isWholeId(ref) ? null : ref;
  const found = await db.query<RunnerRow>(find, [name, range?.from ?? null, range?.to ?? null]);
  return found[0]?.name === name ? found.slice(0, 1) : found;
}

const pause = repeatable(
  'pause_runner',
  `UPDATE runners SET paused_by = $2, pause_note = $3, drain_asked = $4,
     paused_until = COALESCE(now() + make_interval(secs => $5), 'infinity')
   WHERE id = $1 AND revoked_at IS NULL`,
);

/**
 * Gives a runner no jobs from the end of the transaction on; what was said before about a pause is
 * replaced.
 * @param pause.seconds absent: until it is resumed
 */
export async function pauseRunner(
  tx: Queryable,
  pauseOf: {
    id: string;
    by: string;
    note: string | undefined;
    drain: boolean;
    seconds?: number | undefined;
  },
): Promise<void> {
  const { id, by, note = null, drain, seconds = null } = pauseOf;
  await tx.query(pause, [id, by, note, drain, seconds]);
}

const resume = repeatable(
  'resume_runner',
  `UPDATE runners SET paused_until = NULL, pause_note = NULL, paused_by = NULL, drain_asked = false
   WHERE id = $1`,
);

/** Ends the pause of a runner, when it has one. */
export async function resumeRunner(tx: Queryable, id: string): Promise<void> {
  await tx.query(resume, [id]);
}

const connect = repeatable(
  'connect_runner',
  // A process that was started after the drain has not to end again; the runner stays paused.
  `UPDATE runners SET session = $2, tags = $3, capacity = $4, version = $5, draining = false, problem = NULL,
     last_seen_at = now(), drain_asked = false, connect_number = COALESCE($6, connect_number)
   WHERE id = $1 AND revoked_at IS NULL AND ($6::bigint IS NULL OR connect_number < $6)
   RETURNING id`,
);

const readConnects = repeatable(
  'read_connect_number',
  'SELECT connect_number::float8 AS number FROM runners WHERE id = $1',
);

/**
 * Notes what a runner that has started offers, under a new session. Does nothing where the runner
 * has connected with this or a greater number before; then returns the greatest.
 */
export async function connectRunner(
  db: Queryable,
  runner: {
    id: string;
    session: string;
    tags: readonly RunnerTag[];
    capacity: number;
    version: string;
    /** Null: it does not count them. */
    number: number | null;
  },
): Promise<number | undefined> {
  const { id, session, tags, capacity, version, number } = runner;
  const values = [id, session, JSON.stringify(tags), capacity, version, number];
  if ((await db.query(connect, values)).length > 0 || number === null) return undefined;
  const [row] = await db.query<{ number: number }>(readConnects, [id]);
  return row?.number;
}

/** What a claim must know of its runner. */
export interface SeenRunner {
  readonly tags: RunnerTag[];
  readonly pipelines: string[];
  readonly capacity: number;
  readonly running: number;
  /** How long it is given no jobs, in milliseconds; 0: it is not paused. */
  readonly pause_ms: number;
  readonly drain_asked: boolean;
  /** Whether it should change its token. */
  readonly change_token: boolean;
}

/** How long a runner is still paused, in milliseconds. */
export const PAUSE_MS = `CASE WHEN r.paused_until = 'infinity' THEN 'infinity'::float8
  WHEN r.paused_until > now() THEN extract(epoch FROM r.paused_until - now())::float8 * 1000
  ELSE 0 END`;

const see = repeatable(
  'see_runner',
  `UPDATE runners r SET last_seen_at = now(), draining = $3, problem = $5
   WHERE r.id = $1 AND r.session = $2 AND r.revoked_at IS NULL
   RETURNING r.tags, r.pipelines, r.capacity,
     (SELECT count(*)::int FROM running_attempts a WHERE a.runner_id = r.id) AS running,
     ${PAUSE_MS} AS pause_ms, r.drain_asked,
     r.rotation_asked OR r.token_since < now() - make_interval(secs => $4) AS change_token`,
);

/** Notes that a runner was heard of; undefined when there is none with that id and session. */
export async function seeRunner(
  db: Queryable,
  runner: {
    id: string;
    session: string;
    draining: boolean;
    problem: string | null;
    tokenSecondsMax: number;
  },
): Promise<SeenRunner | undefined> {
  const { id, session, draining, tokenSecondsMax, problem } = runner;
  const values = [id, session, draining, tokenSecondsMax, problem];
  return (await db.query<SeenRunner>(see, values))[0];
}

const listGone = repeatable(
  'list_revoked_runners',
  `SELECT id FROM runners WHERE id = ANY ($1::uuid[]) AND revoked_at IS NOT NULL`,
);

/** Which of these runners were revoked. */
export async function listRevokedRunners(db: Queryable, ids: readonly string[]): Promise<string[]> {
  return (await db.query<{ id: string }>(listGone, [ids])).map(({ id }) => id);
}

const revoke = repeatable(
  'revoke_runner',
  // Its token stays: whoever shows it is told that it was revoked, and cannot register with it.
  `UPDATE runners SET revoked_at = COALESCE(revoked_at, now()) WHERE id = $1`,
);

/** From here on its token is worth nothing. Its jobs are still its own. */
export async function revokeRunner(tx: Queryable, id: string): Promise<void> {
  await tx.query(revoke, [id]);
}

const listRunning = repeatable(
  'list_jobs_of_runner',
  `SELECT job_id, attempt FROM running_attempts WHERE runner_id = $1 ORDER BY job_id LIMIT $2`,
);

/** Attempts that a runner runs now. */
export function listAttemptsOfRunner(
  db: Queryable,
  runnerId: string,
  limit: number,
): Promise<{ job_id: string; attempt: number }[]> {
  return db.query(listRunning, [runnerId, limit]);
}

const countByState = repeatable(
  'count_runners',
  `SELECT count(*) FILTER (WHERE problem IS NULL)::int AS fit,
     count(*) FILTER (WHERE problem IS NOT NULL)::int AS unfit
   FROM runners
   WHERE revoked_at IS NULL AND last_seen_at > now() - make_interval(secs => $1)`,
);

/** How many runners were heard of in the last `seconds`, by whether they say that they can work. */
export async function countRunners(
  db: Queryable,
  seconds: number,
): Promise<{ readonly fit: number; readonly unfit: number }> {
  type Row = { fit: number; unfit: number };
  return (await db.query<Row>(countByState, [seconds]))[0] ?? { fit: 0, unfit: 0 };
}
