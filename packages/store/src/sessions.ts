// Sessions: who is signed in, from where, and with which token they go on.
import type { Role } from '@rivet/protocol';
import { type GrantRow, grantsOf } from './grants.ts';
import { once, type Queryable, repeatable } from './statement.ts';

export type SessionKind = 'cli' | 'browser';

/** Who a session stands for, and what that user was granted. */
export interface SessionHolderRow {
  readonly session_id: string;
  readonly kind: SessionKind;
  readonly user_id: string;
  readonly name: string;
  readonly role: Role;
  readonly grants: GrantRow[];
  /** Whether it was noted as used within the last minute. */
  readonly used_lately: boolean;
}

export interface SessionRow {
  readonly id: string;
  readonly kind: SessionKind;
  readonly address: string;
  readonly user_agent: string;
  readonly created_at: Date;
  readonly used_at: Date;
  readonly expires_at: Date;
}

/** A session that nobody has used for so long has ended. */
const IDLE_DAYS = 30;
const ABSOLUTE_DAYS = 90;
/** A browser is left open on a desk more easily than a file of the command line. */
const BROWSER_IDLE_DAYS = 7;
const BROWSER_ABSOLUTE_DAYS = 30;
/** How long a session of a browser lasts at most, in seconds. */
export const BROWSER_SESSION_SECONDS = BROWSER_ABSOLUTE_DAYS * 24 * 60 * 60;
/** Of one user; the ones that were used longest ago end first. */
const SESSIONS_MAX = 100;

/** SQL for how long the session `s` lasts without being used. */
const IDLE = `CASE s.kind WHEN 'browser' THEN interval '${BROWSER_IDLE_DAYS} days'
    ELSE interval '${IDLE_DAYS} days' END`;

/** SQL for whether the session `s` of the user `u` counts at this moment. */
const LIVE = `s.ended_at IS NULL AND s.expires_at > now()
  AND s.used_at > now() - ${IDLE}
  AND s.token_version = u.token_version AND u.disabled_at IS NULL`;

const HOLDER = `SELECT s.id AS session_id, s.kind, u.id AS user_id, u.name, u.role,
    ${grantsOf('u.id')} AS grants, s.used_at > now() - interval '1 minute' AS used_lately
  FROM sessions s JOIN users u ON u.id = s.user_id`;

const byId = repeatable(
  'session_holder',
  `${HOLDER} WHERE s.id = $1 AND u.id = $2 AND s.kind = 'cli' AND ${LIVE}`,
);
const byToken = repeatable(
  'browser_session_holder',
  `${HOLDER} WHERE s.token_hash = $1 AND s.kind = 'browser' AND ${LIVE}`,
);

/** Who a session of a command line stands for; undefined when it does not count (any more). */
export async function findSessionHolder(
  db: Queryable,
  session: { id: string; userId: string },
): Promise<SessionHolderRow | undefined> {
  return (await db.query<SessionHolderRow>(byId, [session.id, session.userId]))[0];
}

/** Who the cookie with this hash stands for; undefined when it does not count (any more). */
export async function findBrowserSessionHolder(
  db: Queryable,
  hash: Buffer,
): Promise<SessionHolderRow | undefined> {
  return (await db.query<SessionHolderRow>(byToken, [hash]))[0];
}

const touch = repeatable(
  'touch_session',
  // Not with every request: one write a minute tells as much.
  `UPDATE sessions SET used_at = now() WHERE id = $1 AND used_at < now() - interval '1 minute'`,
);

/** Notes that a session was used. */
export async function touchSession(db: Queryable, id: string): Promise<void> {
  await db.query(touch, [id]);
}

const insert = once(
  'insert_session',
  `INSERT INTO sessions (id, user_id, kind, token_hash, lineage_hash, token_version, address,
     user_agent, expires_at)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + CASE $3
     WHEN 'browser' THEN interval '${BROWSER_ABSOLUTE_DAYS} days'
     ELSE interval '${ABSOLUTE_DAYS} days' END)`,
);
const endSurplus = repeatable(
  'end_surplus_sessions',
  `UPDATE sessions SET ended_at = now(), end_reason = 'too many' WHERE id IN (
     SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL
     ORDER BY used_at DESC, id DESC OFFSET ${SESSIONS_MAX})`,
);

/** Begins a session. */
export async function insertSession(
  tx: Queryable,
  session: {
    id: string;
    userId: string;
    kind: SessionKind;
    /** SHA-256 of the refresh token or cookie. */
    tokenHash: Buffer;
    /** SHA-256 of what its refresh tokens share; a cookie has nothing of it. */
    lineageHash: Buffer | null;
    /** As it was when the password was looked at: a change since then counts. */
    tokenVersion: number;
    address: string;
    userAgent: string;
  },
): Promise<void> {
  const { id, userId, kind, tokenHash, lineageHash, tokenVersion, address, userAgent } = session;
  const values = [id, userId, kind, tokenHash, lineageHash, tokenVersion, address, userAgent];
  await tx.query(insert, values);
  await tx.query(endSurplus, [userId]);
}

/** What a refresh token belongs to. */
export interface RefreshableRow {
  readonly id: string;
  readonly user_id: string;
  readonly token_hash: Buffer;
  readonly previous_hash: Buffer | null;
  readonly rotation_salt: Buffer | null;
  /** Seconds since the present token was made. */
  readonly rotated_seconds: number;
}

const lockByLineage = repeatable(
  'lock_session_by_lineage',
  `SELECT s.id, s.user_id, s.token_hash, s.previous_hash, s.rotation_salt,
     extract(epoch FROM clock_timestamp() - s.rotated_at)::float8 AS rotated_seconds
   FROM sessions s JOIN users u ON u.id = s.user_id
   WHERE s.lineage_hash = $1 AND s.kind = 'cli' AND ${LIVE} FOR UPDATE OF s`,
);

/** The session of a refresh token, kept from others until the transaction ends. */
export async function lockSessionByLineage(
  tx: Queryable,
  lineageHash: Buffer,
): Promise<RefreshableRow | undefined> {
  return (await tx.query<RefreshableRow>(lockByLineage, [lineageHash]))[0];
}

const rotate = once(
  'rotate_session',
  `UPDATE sessions SET previous_hash = token_hash, token_hash = $2, rotation_salt = $3,
     rotated_at = clock_timestamp(), used_at = now(), address = $4, user_agent = $5
   WHERE id = $1`,
);

/** Gives a session its next refresh token. */
export async function rotateSession(
  tx: Queryable,
  next: { id: string; tokenHash: Buffer; salt: Buffer; address: string; userAgent: string },
): Promise<void> {
  await tx.query(rotate, [next.id, next.tokenHash, next.salt, next.address, next.userAgent]);
}

const end = repeatable(
  'end_session',
  `UPDATE sessions SET ended_at = now(), end_reason = $3
   WHERE id = $1 AND user_id = $2 AND ended_at IS NULL RETURNING id`,
);

/** Ends a session of a user; whether there was one to end. */
export async function endSession(
  tx: Queryable,
  session: { id: string; userId: string; reason: 'logout' | 'reuse' | 'revoked' },
): Promise<boolean> {
  return (await tx.query(end, [session.id, session.userId, session.reason])).length > 0;
}

const list = repeatable(
  'list_sessions',
  `SELECT s.id, s.kind, s.address, s.user_agent, s.created_at, s.used_at,
     LEAST(s.expires_at, s.used_at + ${IDLE}) AS expires_at
   FROM sessions s JOIN users u ON u.id = s.user_id
   WHERE s.user_id = $1 AND ${LIVE} ORDER BY s.used_at DESC, s.id LIMIT ${SESSIONS_MAX}`,
);

/** The sessions of a user that count, the last used first. */
export function listSessions(db: Queryable, userId: string): Promise<SessionRow[]> {
  return db.query(list, [userId]);
}

const known = repeatable(
  'is_known_address',
  // By the user's own sessions, ended ones too: whoever signed in there knew the password.
  `SELECT EXISTS (SELECT FROM sessions s JOIN users u ON u.id = s.user_id
     WHERE u.name = $1 AND s.address::inet <<= set_masklen($2::inet,
       CASE family($2::inet) WHEN 4 THEN 32 ELSE 64 END)) AS found`,
);

/**
 * Whether somebody of that name has signed in lately from the network of that address: the address
 * itself, or the first 64 bits of one of IPv6.
 */
export async function isKnownAddress(
  db: Queryable,
  name: string,
  address: string,
): Promise<boolean> {
  return (await db.query<{ found: boolean }>(known, [name, address]))[0]?.found === true;
}

const forget = repeatable(
  'forget_sessions',
  `DELETE FROM sessions WHERE expires_at < now() - make_interval(days => $1)`,
);

/** Deletes sessions that would have expired `days` ago. */
export async function forgetSessions(db: Queryable, days: number): Promise<void> {
  await db.query(forget, [days]);
}
