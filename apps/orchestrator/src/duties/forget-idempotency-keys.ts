// Forgets old idempotency keys, so that their table does not grow without end.
import { type Database, forgetIdempotencyKeys } from '@rivet/store';
import type { Duty } from './duty.ts';

/** A launch is repeated within seconds, or by a scheduler that was down over a weekend. */
const KEEP_HOURS = 7 * 24;

export function forgetOldIdempotencyKeys(database: Database): Duty {
  return {
    name: 'forget-idempotency-keys',
    everyMs: 3_600_000,
    run: () => forgetIdempotencyKeys(database, KEEP_HOURS),
  };
}
