// Forgets sessions that ended long ago, and sign-ins elsewhere that never came back.
import { type Database, forgetOidcSignIns, forgetSessions } from '@rivet/store';
import type { Duty } from './duty.ts';

/** By these sessions it is known where somebody signs in from. */
const KEEP_DAYS = 30;

export function forgetOldSessions(database: Database): Duty {
  return {
    name: 'forget-sessions',
    everyMs: 3_600_000,
    async run() {
      await forgetSessions(database, KEEP_DAYS);
      await forgetOidcSignIns(database);
    },
  };
}
