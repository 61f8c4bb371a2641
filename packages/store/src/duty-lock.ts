// Lets one orchestrator at a time do a duty.
import type { Database } from './database.ts';
import { repeatable } from './statement.ts';

const tryLock = repeatable(
  'try_duty_lock',
  // Held until the transaction ends, also when its orchestrator dies.
  `SELECT pg_try_advisory_xact_lock(hashtextextended($1, 727481)) AS mine`,
);

/**
 * Runs `work` unless another orchestrator does the duty at this moment; whether it ran.
 * The lock saves work, it is not what keeps the work right: that is `work`'s own transactions.
 */
export async function withDutyLock(
  database: Database,
  duty: string,
  work: () => Promise<void>,
): Promise<boolean> {
  return database.transaction(
    async (tx) => {
      const [row] = await tx.query<{ mine: boolean }>(tryLock, [duty]);
      if (row?.mine !== true) return false;
      await work();
      return true;
    },
    { repeatable: true },
  );
}
