// Limits of attempts: how many are possible in a time, counted for all orchestrators together.
import { once, type Queryable, repeatable } from './statement.ts';

/** So many attempts in such a time, and then one by one as time passes. */
export interface AttemptLimit {
  readonly attempts: number;
  readonly seconds: number;
}

const take = once(
  'take_attempt',
  // One statement decides and counts, so that any number at once are no more than the limit.
  `INSERT INTO attempt_limits AS l (key, free_at)
   VALUES ($1, clock_timestamp() + make_interval(secs => $2))
   ON CONFLICT (key) DO UPDATE
     SET free_at = GREATEST(l.free_at, clock_timestamp()) + make_interval(secs => $2)
     WHERE GREATEST(l.free_at, clock_timestamp()) + make_interval(secs => $2)
       <= clock_timestamp() + make_interval(secs => $3)
   RETURNING key`,
);
const wait = repeatable(
  'wait_for_attempt',
  `SELECT extract(epoch FROM free_at - clock_timestamp())::float8 + $2 - $3 AS seconds
   FROM attempt_limits WHERE key = $1`,
);

/**
 * Takes one attempt of those that `limit` gives the key.
 * @returns 0, or the seconds until the next attempt is possible: then none was taken
 */
export async function takeAttempt(
  db: Queryable,
  key: Buffer,
  limit: AttemptLimit,
): Promise<number> {
  const values = [key, limit.seconds / limit.attempts, limit.seconds];
  if ((await db.query(take, values)).length > 0) return 0;
  const [row] = await db.query<{ seconds: number }>(wait, values);
  return Math.max(row?.seconds ?? 0, 0.001);
}

const giveBack = once(
  'give_back_attempt',
  `UPDATE attempt_limits SET free_at = free_at - make_interval(secs => $2) WHERE key = $1`,
);

/** Gives an attempt back that was no vain one. */
export async function giveBackAttempt(
  db: Queryable,
  key: Buffer,
  limit: AttemptLimit,
): Promise<void> {
  await db.query(giveBack, [key, limit.seconds / limit.attempts]);
}

const forgetPast = repeatable(
  'forget_past_attempts',
  `DELETE FROM attempt_limits WHERE free_at < now()`,
);
const forgetSurplus = repeatable(
  'forget_surplus_attempts',
  `DELETE FROM attempt_limits WHERE key IN (
     SELECT key FROM attempt_limits ORDER BY free_at DESC OFFSET $1)`,
);

/** Forgets what limits nobody any more, and of the rest all but the `keep` fullest. */
export async function forgetAttempts(db: Queryable, keep: number): Promise<void> {
  await db.query(forgetPast);
  await db.query(forgetSurplus, [keep]);
}
