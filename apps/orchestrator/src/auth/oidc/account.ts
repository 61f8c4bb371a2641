// The account of somebody who signed in elsewhere: found by issuer and subject, made, or taken over
// where an administrator has allowed it.
import { type Logger, RivetError, uuidv7 } from '@rivet/base';
import {
  findIdentity,
  insertIdentity,
  insertUser,
  lockAdministrators,
  lockUser,
  noteIdentityUse,
  type Queryable,
  setTeamsOfUser,
  setUserRole,
  type UserRow,
  useLinkPermission,
} from '@rivet/store';
import type { AuditLog } from '../../audit/audit-log.ts';
import type { OidcConfig } from '../../oidc-config.ts';
import type { Identity } from './identity.ts';

export interface AccountParts {
  readonly audit: AuditLog;
  readonly config: OidcConfig;
  readonly logger: Logger;
}

/**
 * The user that an identity stands for, with the role and teams that the provider gives it.
 * @throws RIVET_OIDC_NOT_ALLOWED
 */
export async function accountOf(
  tx: Queryable,
  parts: AccountParts,
  identity: Identity,
): Promise<UserRow> {
  const known = await findIdentity(tx, identity);
  const user =
    known === undefined ? await newAccount(tx, parts, identity) : await lockUser(tx, known);
  if (user === undefined || user.disabled_at !== null) {
    throw refused(parts, 'the account here is disabled');
  }
  await noteIdentityUse(tx, identity);
  const { role, teams } = identity;
  if (teams !== undefined) await changeTeams(tx, parts, user, teams);
  if (role === undefined || role === user.role) return user;
  return changeRole(tx, parts, user, role);
}

/** Never by a name or an address of mail alone: whoever can choose those would be anybody. */
async function newAccount(
  tx: Queryable,
  parts: AccountParts,
  identity: Identity,
): Promise<UserRow> {
  const { config, audit } = parts;
  const { issuer, names, role } = identity;
  const details = { issuer, subject: identity.subject };
  for (const name of names) {
    const allowed = await useLinkPermission(tx, name);
    if (allowed === undefined) continue;
    await insertIdentity(tx, identity, allowed.id);
    const object = { kind: 'user', id: allowed.id, name };
    await audit.record(tx, undefined, { action: 'user.update', object, details });
    return allowed;
  }
  if (config.create === undefined) throw refused(parts, 'it has no account here');
  if (names.length === 0) throw refused(parts, 'the provider tells no name that could be one here');
  for (const name of names) {
    const account = { id: uuidv7(), name, role: role ?? config.create, passwordHash: null };
    const user = await insertUser(tx, account);
    if (user === undefined) continue;
    await insertIdentity(tx, identity, user.id);
    const object = { kind: 'user', id: user.id, name };
    const made = { ...details, role: user.role };
    await audit.record(tx, undefined, { action: 'user.create', object, details: made });
    return user;
  }
  throw refused(parts, 'its name is that of another account, which an administrator can link');
}

async function changeTeams(
  tx: Queryable,
  { audit, config }: AccountParts,
  user: UserRow,
  teams: readonly string[],
): Promise<void> {
  const { left, joined } = await setTeamsOfUser(tx, user.id, teams);
  const details = { user: user.name, issuer: config.issuer };
  const record = (action: 'team.add' | 'team.remove', team: { id: string; name: string }) =>
    audit.record(tx, undefined, { action, object: { kind: 'team', ...team }, details });
  for (const team of left) await record('team.remove', team);
  for (const team of joined) await record('team.add', team);
}

async function changeRole(
  tx: Queryable,
  { audit, logger }: AccountParts,
  user: UserRow,
  role: UserRow['role'],
): Promise<UserRow> {
  const admins = user.role === 'admin' ? await lockAdministrators(tx) : [];
  if (admins.length === 1 && admins[0] === user.id) {
    logger.warn(
      { user: user.name },
      'the last administrator stays one, whatever the provider says',
    );
    return user;
  }
  const object = { kind: 'user', id: user.id, name: user.name };
  await audit.record(tx, undefined, { action: 'user.update', object, details: { role } });
  return (await setUserRole(tx, user.id, role)) ?? user;
}

function refused({ config }: AccountParts, reason: string): RivetError {
  return RivetError.of('RIVET_OIDC_NOT_ALLOWED', { provider: config.name, reason });
}
