// The time at which leases were last looked after, by the clock of the database: whoever comes
// after a gap knows that nobody could renew one meanwhile.
import { once, type Queryable, repeatable } from './statement.ts';

export interface Beat {
  /** Since the beat before, in seconds; negative when the clock of the database was put back. */
  readonly gapSeconds: number;
  /** Attempts whose leases begin anew, as the gap was too long. */
  readonly extended: number;
  /** Whether there were leases that had run out before. */
  readonly expired: boolean;
}

const beat = once(
  'beat',
  `WITH before AS (
     SELECT extract(epoch FROM now() - at)::float8 AS gap FROM cluster_heartbeat FOR UPDATE
   ), extended AS (
     UPDATE running_attempts SET lease_until = now() + make_interval(secs => $2)
     WHERE abs((SELECT gap FROM before)) > $1
       AND (lease_until < now() + make_interval(secs => $2) OR (SELECT gap FROM before) < 0)
     RETURNING 1
   ), noted AS (
     UPDATE cluster_heartbeat SET at = now()
   )
   SELECT gap AS "gapSeconds", (SELECT count(*)::int FROM extended) AS extended,
     EXISTS (SELECT FROM running_attempts WHERE lease_until < now()) AS expired FROM before`,
);

/**
 * Notes that leases are looked after now. After more than `gapSecondsMax` without that, every lease
 * begins anew in the same statement: the database was away, or all orchestrators were, and a
 * runner that is there has had nobody to tell. So it does when the clock was put back by as much:
 * the leases of runners that are gone would last until it is again what it was.
 */
export async function beatCluster(
  db: Queryable,
  limits: { readonly gapSecondsMax: number; readonly leaseSeconds: number },
): Promise<Beat> {
  const rows = await db.query<Beat>(beat, [limits.gapSecondsMax, limits.leaseSeconds]);
  return rows[0] ?? { gapSeconds: 0, extended: 0, expired: false };
}

const doubt = repeatable(
  'doubt_leases',
  `UPDATE cluster_heartbeat SET at = LEAST(at, now() - interval '1 hour')`,
);

/**
 * Notes that somebody could not renew a lease though the database is there, as its disk is full:
 * the next beat is one after a gap. It needs no room of its own, and where it finds none, neither
 * does the beat, without which no lease ends.
 */
export async function doubtLeases(db: Queryable): Promise<void> {
  await db.query(doubt);
}
