// Makes somebody an administrator from the server itself: the first one, or who lost the password.
import { uuidv7 } from '@rivet/base';
import {
  findUser,
  forgetSetupTokens,
  insertUser,
  lockFirstUser,
  type Queryable,
  setUserDisabled,
  setUserPassword,
  setUserRole,
} from '@rivet/store';
import type { AuditLog } from '../audit/audit-log.ts';

/**
 * Gives `name` this password and the role of an administrator, whatever it was before: whoever can
 * run this has the database and the master key anyway. Its sessions end.
 * @returns whether the user is new
 */
export async function ensureAdministrator(
  tx: Queryable,
  audit: AuditLog,
  { name, passwordHash }: { name: string; passwordHash: string },
): Promise<boolean> {
  await lockFirstUser(tx);
  await forgetSetupTokens(tx);
  const details = { by: 'rivet migrate --admin', role: 'admin' };
  const made = await insertUser(tx, { id: uuidv7(), name, role: 'admin', passwordHash });
  const user = made ?? (await findUser(tx, name));
  if (user === undefined) throw new Error('a user is neither made nor found');
  const object = { kind: 'user', id: user.id, name };
  if (made === undefined) {
    await setUserRole(tx, user.id, 'admin');
    await setUserDisabled(tx, user.id, false);
    await setUserPassword(tx, { id: user.id, passwordHash });
  }
  const action = made === undefined ? 'user.password' : 'user.create';
  await audit.record(tx, undefined, { action, object, details });
  return made !== undefined;
}
