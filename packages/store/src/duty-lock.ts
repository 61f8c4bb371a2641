// Lets one orchestrator at a time do a duty.
import type { Database } from './database.ts';
import { repeatable } from './statement.ts';

const tryLock = repeatable(
  'try_duty_lock',
  // Held until the transaction ends, also when its orchestrator dies. From one that stands still
  // the database takes it: it says nothing in the transaction for too long.
  `SELECT pg_try_advisory_xact_lock(hashtextextended($1, 727481)) AS mine,
     set_config('idle_in_transaction_session_timeout', $2, true)`,
);
const stillHere = repeatable('hold_duty_lock', 'SELECT 1');

/** After so long without a word its holder has lost a lock, in milliseconds. */
const SILENCE_MS_MAX = 10_000;

/**
 * Runs `work` unless another orchestrator does the duty at this moment; whether it ran.
 * The lock saves work, it is not what keeps the work right: that is `work`'s own transactions.
 * However long `work` takes, the lock is held; a process that stands still loses it after
 * `silenceMsMax`. Whoever has lost it does the work again at its end, unless another does it then.
 */
export async function withDutyLock(
  database: Database,
  duty: string,
  work: () => Promise<void>,
  silenceMsMax = SILENCE_MS_MAX,
): Promise<boolean> {
  return database.transaction(
    async (tx) => {
      const [row] = await tx.query<{ mine: boolean }>(tryLock, [duty, `${silenceMsMax}ms`]);
      if (row?.mine !== true) return false;
      // That the lock was lost is told by the end of the transaction.
      const say = (): void => void tx.query(stillHere).catch(() => undefined);
      const saying = setInterval(say, silenceMsMax / 4);
      try {
        await work();
      } finally {
        clearInterval(saying);
      }
      return true;
    },
    { repeatable: true },
  );
}
