// Teams: users who are granted something together.
import { idRange, isWholeId } from './id-range.ts';
import { once, type Queryable, repeatable } from './statement.ts';

export interface TeamRow {
  readonly id: string;
  readonly name: string;
  /** Everybody belongs to it, nobody is listed. */
  readonly everybody: boolean;
  readonly created_at: Date;
}

export interface TeamWithMembersRow extends TeamRow {
  /** Names, in order. */
  readonly members: string[];
}

const COLUMNS = 'id, name, everybody, created_at';

const byName = repeatable('team_by_name', `SELECT ${COLUMNS} FROM teams WHERE name = $1`);
const byIdRange = repeatable(
  'teams_by_id_range',
  `SELECT ${COLUMNS} FROM teams WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT 4`,
);

/** The teams that `ref` can mean: the one of that name, or up to four whose id begins so. */
export async function findTeams(db: Queryable, ref: string): Promise<TeamRow[]> {
  const named = isWholeId(ref) ? [] : await db.query<TeamRow>(byName, [ref]);
  if (named.length > 0) return named;
  const range = ref.length < 4 ? undefined : idRange(ref);
  return range === undefined ? [] : db.query<TeamRow>(byIdRange, [range.from, range.to]);
}

const list = repeatable(
  'list_teams',
  `SELECT ${COLUMNS}, ARRAY(SELECT u.name FROM team_members m JOIN users u ON u.id = m.user_id
     WHERE m.team_id = teams.id ORDER BY u.name) AS members
   FROM teams WHERE name > $1 ORDER BY name LIMIT $2`,
);

/** Teams by name, after the name `after`. */
export function listTeams(
  db: Queryable,
  options: { after: string; limit: number },
): Promise<TeamWithMembersRow[]> {
  return db.query(list, [options.after, options.limit]);
}

const insert = once(
  'insert_team',
  `INSERT INTO teams (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING ${COLUMNS}`,
);

/** Makes a team without members; undefined when the name is taken. */
export async function insertTeam(
  tx: Queryable,
  team: { id: string; name: string },
): Promise<TeamRow | undefined> {
  return (await tx.query<TeamRow>(insert, [team.id, team.name]))[0];
}

const remove = repeatable(
  'delete_team',
  `DELETE FROM teams WHERE id = $1 AND NOT everybody RETURNING id`,
);

/** Deletes a team with its grants; false when it was not there any more. */
export async function deleteTeam(tx: Queryable, id: string): Promise<boolean> {
  return (await tx.query(remove, [id])).length > 0;
}

const addMember = repeatable(
  'add_team_member',
  // Neither of them may be there any more: then there is nothing to add.
  `INSERT INTO team_members (team_id, user_id)
   SELECT t.id, u.id FROM teams t, users u WHERE t.id = $1 AND u.id = $2
   ON CONFLICT DO NOTHING RETURNING team_id`,
);

/** False when the user was a member already. */
export async function addTeamMember(
  tx: Queryable,
  member: { teamId: string; userId: string },
): Promise<boolean> {
  return (await tx.query(addMember, [member.teamId, member.userId])).length > 0;
}

const removeMember = repeatable(
  'remove_team_member',
  `DELETE FROM team_members WHERE team_id = $1 AND user_id = $2 RETURNING team_id`,
);

/** False when the user was no member. */
export async function removeTeamMember(
  tx: Queryable,
  member: { teamId: string; userId: string },
): Promise<boolean> {
  return (await tx.query(removeMember, [member.teamId, member.userId])).length > 0;
}
