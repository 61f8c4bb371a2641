// Runners: who they are, what they offer, when they were last heard of.
import type { RunnerTag } from '@rivet/protocol';
import { once, type Queryable, repeatable } from './statement.ts';

export interface RunnerRow {
  readonly id: string;
  readonly name: string;
  readonly session: string;
  readonly tags: RunnerTag[];
  readonly capacity: number;
  readonly version: string;
  readonly draining: boolean;
  readonly created_at: Date;
  readonly last_seen_at: Date;
  /** Seconds since it was last seen, by the clock of the database. */
  readonly silent_seconds: number;
  /** Jobs that it runs now. */
  readonly running: number;
}

const register = once(
  'register_runner',
  `INSERT INTO runners (id, name, session, tags, capacity, version) VALUES ($1, $2, $3, $4, $5, $6)
   ON CONFLICT (name) DO UPDATE SET session = EXCLUDED.session, tags = EXCLUDED.tags,
     capacity = EXCLUDED.capacity, version = EXCLUDED.version, draining = false,
     last_seen_at = now()
   RETURNING id`,
);

/** Makes a runner known, or known anew under a new session; returns its id, which stays. */
export async function registerRunner(
  db: Queryable,
  runner: {
    id: string;
    name: string;
    session: string;
    tags: readonly RunnerTag[];
    capacity: number;
    version: string;
  },
): Promise<string> {
  const { id, name, session, tags, capacity, version } = runner;
  const values = [id, name, session, JSON.stringify(tags), capacity, version];
  const [row] = await db.query<{ id: string }>(register, values);
  return row?.id ?? id;
}

const see = repeatable(
  'see_runner',
  `UPDATE runners SET last_seen_at = now(), draining = $3 WHERE id = $1 AND session = $2
   RETURNING tags, capacity`,
);

/** Notes that a runner was heard of; undefined when there is none with that id and session. */
export async function seeRunner(
  db: Queryable,
  runner: { id: string; session: string; draining: boolean },
): Promise<{ tags: RunnerTag[]; capacity: number } | undefined> {
  const values = [runner.id, runner.session, runner.draining];
  return (await db.query<{ tags: RunnerTag[]; capacity: number }>(see, values))[0];
}

const touch = repeatable(
  'touch_runner',
  // Not with every report: one write in five seconds tells as much.
  `UPDATE runners SET last_seen_at = now()
   WHERE id = $1 AND last_seen_at < now() - interval '5 seconds'`,
);

/** Notes that a runner was heard of through a report. */
export async function touchRunner(db: Queryable, id: string): Promise<void> {
  await db.query(touch, [id]);
}

const list = repeatable(
  'list_runners',
  `SELECT r.id, r.name, r.session, r.tags, r.capacity, r.version, r.draining, r.created_at,
     r.last_seen_at, extract(epoch FROM now() - r.last_seen_at)::float8 AS silent_seconds,
     (SELECT count(*)::int FROM jobs j WHERE j.runner_id = r.id AND j.state = 'running') AS running
   FROM runners r WHERE r.name > $1 ORDER BY r.name LIMIT $2`,
);

/** Runners by name, after the name `after`. */
export function listRunners(
  db: Queryable,
  options: { after: string; limit: number },
): Promise<RunnerRow[]> {
  return db.query(list, [options.after, options.limit]);
}
