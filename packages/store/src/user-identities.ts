// Identities: who somebody is at a provider, and which user that is here.
import { once, type Queryable, repeatable } from './statement.ts';
import { USER_COLUMNS, type UserRow } from './users.ts';

export interface IdentityKey {
  readonly issuer: string;
  readonly subject: string;
}

const find = repeatable(
  'find_identity',
  `SELECT user_id FROM user_identities WHERE issuer = $1 AND subject = $2`,
);

/** Id of the user that an identity stands for; undefined when it is new. */
export async function findIdentity(
  db: Queryable,
  { issuer, subject }: IdentityKey,
): Promise<string | undefined> {
  return (await db.query<{ user_id: string }>(find, [issuer, subject]))[0]?.user_id;
}

const insert = once(
  'insert_identity',
  `INSERT INTO user_identities (issuer, subject, user_id) VALUES ($1, $2, $3)`,
);

export async function insertIdentity(
  tx: Queryable,
  { issuer, subject }: IdentityKey,
  userId: string,
): Promise<void> {
  await tx.query(insert, [issuer, subject, userId]);
}

const noteUse = repeatable(
  'note_identity_use',
  `UPDATE user_identities SET last_login_at = now() WHERE issuer = $1 AND subject = $2`,
);

export async function noteIdentityUse(
  tx: Queryable,
  { issuer, subject }: IdentityKey,
): Promise<void> {
  await tx.query(noteUse, [issuer, subject]);
}

const allowLink = repeatable(
  'allow_user_link',
  `UPDATE users SET link_until = now() + make_interval(secs => $2) WHERE id = $1`,
);

/** Lets the next one who signs in elsewhere with this user's name be this user. */
export async function allowUserLink(tx: Queryable, id: string, seconds: number): Promise<void> {
  await tx.query(allowLink, [id, seconds]);
}

const useLink = once(
  'use_user_link',
  `UPDATE users SET link_until = NULL WHERE name = $1 AND link_until > now()
   RETURNING ${USER_COLUMNS}`,
);

/** The user of that name whom an identity may become, once; undefined when none may. */
export async function useLinkPermission(tx: Queryable, name: string): Promise<UserRow | undefined> {
  return (await tx.query<UserRow>(useLink, [name]))[0];
}

const leaveTeams = repeatable(
  'leave_teams',
  `DELETE FROM team_members m USING teams t
   WHERE m.team_id = t.id AND m.user_id = $1 AND NOT t.name = ANY($2)
   RETURNING t.id, t.name`,
);
const joinTeams = repeatable(
  'join_teams',
  `WITH joined AS (
     INSERT INTO team_members (team_id, user_id)
     SELECT id, $1 FROM teams WHERE name = ANY($2) AND NOT everybody
     ON CONFLICT DO NOTHING RETURNING team_id)
   SELECT t.id, t.name FROM joined JOIN teams t ON t.id = joined.team_id`,
);

interface TeamName {
  readonly id: string;
  readonly name: string;
}

/** Makes a user a member of exactly those teams among `names` that there are; what that changed. */
export async function setTeamsOfUser(
  tx: Queryable,
  id: string,
  names: readonly string[],
): Promise<{ left: TeamName[]; joined: TeamName[] }> {
  return {
    left: await tx.query<TeamName>(leaveTeams, [id, names]),
    joined: await tx.query<TeamName>(joinTeams, [id, names]),
  };
}
