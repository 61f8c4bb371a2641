// Names who keeps a session of ours from a lock, for people who must do something about it.
import { formatDuration } from '@rivet/base';
import { type Queryable, repeatable } from './statement.ts';

const LOOK_EVERY_MS = 250;
/** Longer than a lock is waited for where others queue up behind it. */
const TELL_AFTER_MS = 3000;
const TELL_EVERY_MS = 60_000;

interface BlockerRow {
  readonly pid: number;
  readonly application_name: string | null;
  readonly usename: string | null;
  /** Null where the user of the database may not see it. */
  readonly state: string | null;
  /** How old its transaction is; null where that may not be seen, or there is none. */
  readonly age_ms: number | null;
}

const list = repeatable(
  'list_lock_blockers',
  `SELECT a.pid, a.application_name, a.usename, a.state,
     (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::float8 AS age_ms
   FROM pg_stat_activity a
   WHERE a.pid = ANY (pg_blocking_pids($1)) ORDER BY a.xact_start`,
);

/**
 * Looks, until the returned function is called, at who makes a session wait; that resolves with who
 * it was when it was last seen waiting, in words, or undefined.
 * @param pid process id of the session in the database
 * @param tell is told of a wait that takes long, once a minute
 */
export function watchBlockers(
  db: Queryable,
  pid: number,
  tell: (who: string) => void,
): () => Promise<string | undefined> {
  let seen: string | undefined;
  let looking: Promise<void> | undefined;
  let tellAtMs = performance.now() + TELL_AFTER_MS;
  const look = async (): Promise<void> => {
    // Who cannot be named blocks all the same.
    const rows = await db.query<BlockerRow>(list, [pid]).catch(() => []);
    if (rows.length === 0) return;
    seen = rows.map(describe).join(', ');
    const now = performance.now();
    if (now < tellAtMs) return;
    tellAtMs = now + TELL_EVERY_MS;
    tell(seen);
  };
  const timer = setInterval(() => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
  }, LOOK_EVERY_MS);
  return async () => {
    clearInterval(timer);
    await looking;
    return seen;
  };
}

function describe({ pid, application_name, usename, state, age_ms }: BlockerRow): string {
  const program = application_name ? `"${application_name}"` : 'a program without a name';
  const age = age_ms === null ? [] : [`in a transaction for ${formatDuration(age_ms)}`];
  const words = [...(usename ? [`user ${usename}`] : []), ...(state ? [state] : []), ...age];
  return `the session ${pid} of ${program}${words.length > 0 ? ` (${words.join(', ')})` : ''}`;
}
