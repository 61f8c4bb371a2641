// Grants: what users and teams may do on objects whose names fit a pattern.
import type { ObjectPermission } from '@rivet/protocol';
import { idRange } from './id-range.ts';
import { once, type Queryable, repeatable } from './statement.ts';

/** A grant as a decision needs it. */
export interface GrantRow {
  readonly object_kind: 'pipeline' | 'secret';
  /** `*` stands for any text. */
  readonly pattern: string;
  readonly permissions: ObjectPermission[];
}

/** SQL for the grants, as JSON, of the user that `userId` (SQL too) names, with its teams'. */
export function grantsOf(userId: string): string {
  return `(SELECT COALESCE(json_agg(json_build_object(
       'object_kind', g.object_kind, 'pattern', g.pattern, 'permissions', g.permissions)), '[]')
     FROM grants g WHERE g.user_id = ${userId} OR g.team_id IN (
       SELECT team_id FROM team_members WHERE user_id = ${userId}
       UNION ALL SELECT id FROM teams WHERE everybody))`;
}

/** A grant with whom it is for. */
export interface SubjectGrantRow extends GrantRow {
  readonly id: string;
  /** Name of the user or of the team that has it; the other is null. */
  readonly user_name: string | null;
  readonly team_name: string | null;
  readonly created_by: string;
  readonly created_at: Date;
}

const COLUMNS = `g.id, u.name AS user_name, t.name AS team_name, g.object_kind, g.pattern,
  g.permissions, g.created_by, g.created_at`;
const FROM = `FROM grants g
   LEFT JOIN users u ON u.id = g.user_id LEFT JOIN teams t ON t.id = g.team_id`;

/** Whom a grant is for: exactly one of the two is there. */
export interface GrantSubject {
  readonly userId: string | null;
  readonly teamId: string | null;
}

const insert = once(
  'insert_grant',
  `INSERT INTO grants (id, user_id, team_id, object_kind, pattern, permissions, created_by)
   VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id`,
);
const same = repeatable(
  'same_grant',
  `SELECT ${COLUMNS} ${FROM}
   WHERE g.user_id IS NOT DISTINCT FROM $1 AND g.team_id IS NOT DISTINCT FROM $2
     AND g.object_kind = $3 AND g.pattern = $4 AND g.permissions = $5`,
);

/**
 * Stores a grant, or finds the one that says the same; undefined when that was taken back in
 * between.
 */
export async function insertGrant(
  tx: Queryable,
  grant: GrantRow & GrantSubject & { id: string; createdBy: string },
): Promise<{ row: SubjectGrantRow; made: boolean } | undefined> {
  const { id, userId, teamId, object_kind, pattern, createdBy } = grant;
  const content = [object_kind, pattern, [...new Set(grant.permissions)].sort()];
  const made = await tx.query(insert, [id, userId, teamId, ...content, createdBy]);
  const [row] = await tx.query<SubjectGrantRow>(same, [userId, teamId, ...content]);
  return row && { row, made: made.length > 0 };
}

const count = repeatable(
  'count_grants',
  `SELECT count(*)::int AS count FROM grants
   WHERE user_id IS NOT DISTINCT FROM $1 AND team_id IS NOT DISTINCT FROM $2`,
);

/** How many grants the user or the team has itself. */
export async function countGrants(db: Queryable, subject: GrantSubject): Promise<number> {
  const values = [subject.userId, subject.teamId];
  return (await db.query<{ count: number }>(count, values))[0]?.count ?? 0;
}

const list = repeatable(
  'list_grants',
  `SELECT ${COLUMNS} ${FROM}
   WHERE g.id < $1 AND ($2::uuid IS NULL OR g.user_id = $2) AND ($3::uuid IS NULL OR g.team_id = $3)
     AND ($4::text IS NULL OR g.object_kind = $4)
   ORDER BY g.id DESC LIMIT $5`,
);

/** Grants with an id below `before`, newest first. */
export function listGrants(
  db: Queryable,
  options: GrantSubject & { before: string; kind: string | null; limit: number },
): Promise<SubjectGrantRow[]> {
  const { before, userId, teamId, kind, limit } = options;
  return db.query(list, [before, userId, teamId, kind, limit]);
}

const byIdRange = repeatable(
  'grants_by_id_range',
  `SELECT ${COLUMNS} ${FROM} WHERE g.id BETWEEN $1 AND $2 ORDER BY g.id LIMIT 4`,
);

/** Up to four grants whose id begins with `prefix`. */
export async function findGrants(db: Queryable, prefix: string): Promise<SubjectGrantRow[]> {
  const range = idRange(prefix);
  return range === undefined ? [] : db.query(byIdRange, [range.from, range.to]);
}

const remove = repeatable('delete_grant', `DELETE FROM grants WHERE id = $1 RETURNING id`);

/** False when it was not there any more. */
export async function deleteGrant(tx: Queryable, id: string): Promise<boolean> {
  return (await tx.query(remove, [id])).length > 0;
}
