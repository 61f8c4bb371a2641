// Forgets attempts to sign in that limit nobody any more, so that their table stays small.
import { type Database, forgetAttempts as forget } from '@rivet/store';
import type { Duty } from './duty.ts';

/** Even while somebody tries from everywhere. */
const KEEP = 100_000;

export function forgetAttempts(database: Database): Duty {
  return { name: 'forget-attempts', everyMs: 60_000, run: () => forget(database, KEEP) };
}
