// Grants: given and taken back by administrators.
import { RivetError, uuidv7 } from '@rivet/base';
import {
  type CreateGrantRequest,
  type ObjectKind,
  type ObjectPermission,
  pipelinePermissions,
  secretPermissions,
} from '@rivet/protocol';
import {
  countGrants,
  deleteGrant,
  type GrantSubject,
  insertGrant,
  type Queryable,
  type SubjectGrantRow,
} from '@rivet/store';
import type { AuditEvent } from '../audit/audit-log.ts';
import type { Person, Principal } from '../auth/principal.ts';
import { findGrant, findSubjectUser, findTeam, whileThere } from './find-subject.ts';
import { readPattern } from './pattern.ts';
import type { AccessServices } from './teams.ts';

/** Of one user or team: every request of theirs reads all of them. */
const GRANTS_MAX = 1000;

const permissionsOf: Readonly<Record<ObjectKind, readonly ObjectPermission[]>> = {
  pipeline: pipelinePermissions,
  secret: secretPermissions,
};

/**
 * Gives a user or team permissions on objects by a pattern. The same grant again is the same grant.
 * @throws RIVET_GRANT_SUBJECT, RIVET_GRANT_PERMISSIONS, RIVET_ACCESS_PATTERN, RIVET_GRANT_LIMIT,
 * RIVET_USER_NOT_FOUND, RIVET_TEAM_NOT_FOUND
 */
export async function createGrant(
  { database, audit }: AccessServices,
  person: Person,
  request: CreateGrantRequest,
): Promise<SubjectGrantRow> {
  const { kind } = request;
  const pattern = readPattern(kind, request.pattern);
  const permissions = permissionsFor(kind, request.permissions);
  const subject = await findSubject(database, request);
  const content = { object_kind: kind, pattern, permissions };
  const id = uuidv7();
  const make = async (tx: Queryable): Promise<SubjectGrantRow> => {
    const createdBy = person.name;
    const found = await insertGrant(tx, { id, ...subject, ...content, createdBy });
    // Only for a moment between two statements: somebody else has just taken it back.
    if (found === undefined) throw RivetError.of('RIVET_GRANT_NOT_FOUND', { id });
    const { row, made } = found;
    if (!made) return row;
    if ((await countGrants(tx, subject)) > GRANTS_MAX) {
      const whose = row.user_name ?? `the team ${row.team_name}`;
      throw RivetError.of('RIVET_GRANT_LIMIT', { subject: whose, limit: GRANTS_MAX });
    }
    await audit.record(tx, person, { action: 'grant.create', ...grantEvent(row) });
    return row;
  };
  return whileThere(
    () => database.transaction(make, { repeatable: true }),
    () => findSubject(database, request),
  );
}

/** @throws RIVET_GRANT_NOT_FOUND */
export async function removeGrant(
  { database, audit }: AccessServices,
  principal: Principal,
  prefix: string,
): Promise<void> {
  const row = await findGrant(database, prefix);
  await database.transaction(
    async (tx) => {
      if (!(await deleteGrant(tx, row.id))) return;
      await audit.record(tx, principal, { action: 'grant.delete', ...grantEvent(row) });
    },
    { repeatable: true },
  );
}

function grantEvent(row: SubjectGrantRow): Pick<AuditEvent, 'object' | 'details'> {
  return {
    object: { kind: 'grant', id: row.id, name: `${row.object_kind} ${row.pattern}` },
    details: {
      user: row.user_name ?? undefined,
      team: row.team_name ?? undefined,
      permissions: row.permissions,
    },
  };
}

/** The user or team that a list is about; both null for all. */
export async function listedSubject(
  db: Queryable,
  { user, team }: { user?: string; team?: string },
): Promise<GrantSubject> {
  return {
    userId: user === undefined ? null : (await findSubjectUser(db, user)).id,
    teamId: team === undefined ? null : (await findTeam(db, team)).id,
  };
}

function permissionsFor(
  kind: ObjectKind,
  permissions: readonly ObjectPermission[],
): ObjectPermission[] {
  const possible = permissionsOf[kind];
  const wrong = permissions.find((permission) => !possible.includes(permission));
  if (wrong === undefined) return [...permissions];
  const expected = possible.join(', ');
  throw RivetError.of('RIVET_GRANT_PERMISSIONS', { found: wrong, kind, expected });
}

async function findSubject(db: Queryable, request: CreateGrantRequest): Promise<GrantSubject> {
  const { user, team } = request;
  if ((user === undefined) === (team === undefined)) {
    throw RivetError.of('RIVET_GRANT_SUBJECT', { found: user === undefined ? 'neither' : 'both' });
  }
  return listedSubject(db, request);
}
