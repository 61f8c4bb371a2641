// The audit log: rows that are only added, and their chain. What makes them trustworthy is computed
// outside, with a key that the database does not have.
import { once, type Queryable, repeatable, replanned } from './statement.ts';

/** What a row says, but for when. */
export interface AuditContent {
  /** UUIDv7. */
  readonly id: string;
  readonly actor_kind: string;
  readonly actor_id: string;
  readonly actor_name: string;
  readonly via_kind: string;
  readonly via_id: string;
  readonly action: string;
  readonly object_kind: string;
  readonly object_id: string;
  readonly object_name: string;
  readonly address: string;
  readonly request_id: string;
  /** JSON, kept as this very text. */
  readonly details: string;
}

export interface AuditRow extends AuditContent {
  readonly at: Date;
  /** The same in microseconds since 1970, as text, which has all digits. */
  readonly at_us: string;
  readonly mac: Buffer;
  /** Counts from 1 as text, which has all digits; null until the row is chained. */
  readonly position: string | null;
  readonly link: Buffer | null;
}

/** The end of the chain. */
export interface AuditHead {
  readonly position: string;
  readonly link: Buffer;
  readonly mac: Buffer;
}

const COLUMNS = `id, at, (extract(epoch FROM at) * 1000000)::bigint::text AS at_us, actor_kind, actor_id, actor_name, via_kind, via_id, action, object_kind,
  object_id, object_name, address, request_id, details::text AS details, mac, position::text AS position, link`;

const insert = once(
  'insert_audit_row',
  `INSERT INTO audit_log (id, actor_kind, actor_id, actor_name, via_kind, via_id, action,
     object_kind, object_id, object_name, address, request_id, details, mac)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::json, $14)`,
);

/** Adds a row. Its time is that of the database. */
export async function insertAuditRow(tx: Queryable, row: AuditContent, mac: Buffer): Promise<void> {
  await tx.query(insert, [
    row.id,
    row.actor_kind,
    row.actor_id,
    row.actor_name,
    row.via_kind,
    row.via_id,
    row.action,
    row.object_kind,
    row.object_id,
    row.object_name,
    row.address,
    row.request_id,
    row.details,
    mac,
  ]);
}

export interface AuditFilter {
  /** Name or id of who did it. */
  readonly actor: string | undefined;
  /** An action as a pattern of LIKE. */
  readonly action: string | undefined;
  /** Name or id of what it was done to. */
  readonly object: string | undefined;
  readonly since: Date | undefined;
  /** Rows before this. */
  readonly until: Date | undefined;
}

const list = replanned(
  `SELECT ${COLUMNS} FROM audit_log
   WHERE (at, id) < (timestamptz 'epoch' + $1::bigint * interval '1 microsecond', $2::uuid)
     AND ($3::text IS NULL OR actor_name = $3 OR actor_id = $3)
     AND ($4::text IS NULL OR action LIKE $4)
     AND ($5::text IS NULL OR object_name = $5 OR object_id = $5)
     AND ($6::timestamptz IS NULL OR at >= $6)
     AND ($7::timestamptz IS NULL OR at < $7)
   ORDER BY at DESC, id DESC LIMIT $8`,
);

/** Rows that fit, before the row `before`; newest first. */
export function listAuditRows(
  db: Queryable,
  filter: AuditFilter,
  before: Pick<AuditRow, 'at_us' | 'id'>,
  limit: number,
): Promise<AuditRow[]> {
  const { actor = null, action = null, object = null, since = null, until = null } = filter;
  return db.query(list, [before.at_us, before.id, actor, action, object, since, until, limit]);
}

const chained = repeatable(
  'chained_audit_rows',
  // The id too: whoever drops the constraint can put in a second row of the same position.
  `SELECT ${COLUMNS} FROM audit_log a WHERE (a.position, a.id) > ($1::bigint, $2::uuid)
   ORDER BY a.position, a.id LIMIT $3`,
);

/** Rows that have a position in their order, also those whose position Rivet never gives. */
export function listChainedAuditRows(
  db: Queryable,
  after: { readonly position: string; readonly id: string },
  limit: number,
): Promise<AuditRow[]> {
  return db.query(chained, [after.position, after.id, limit]);
}

const unchained = repeatable(
  'unchained_audit_rows',
  `SELECT ${COLUMNS} FROM audit_log WHERE position IS NULL ORDER BY at, id LIMIT $1`,
);

/** Rows that wait for their place in the chain, oldest first. */
export function listUnchainedAuditRows(db: Queryable, limit: number): Promise<AuditRow[]> {
  return db.query(unchained, [limit]);
}

const chain = repeatable(
  'chain_audit_rows',
  `UPDATE audit_log a SET position = v.position, link = v.link
   FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS v(id, position, link)
   WHERE a.id = v.id AND a.position IS NULL RETURNING a.id`,
);

/** Gives rows their places; how many were still without one. */
export async function chainAuditRows(
  tx: Queryable,
  places: readonly { readonly id: string; readonly position: string; readonly link: Buffer }[],
): Promise<number> {
  const rows = await tx.query(chain, [
    places.map(({ id }) => id),
    places.map(({ position }) => position),
    places.map(({ link }) => link),
  ]);
  return rows.length;
}

const readHead = repeatable('read_audit_head', `SELECT position::text, link, mac FROM audit_head`);
const lockHead = repeatable(
  'lock_audit_head',
  `SELECT position::text, link, mac FROM audit_head FOR UPDATE`,
);

/** The end of the chain as it is stored; undefined before the first row was chained. */
export async function readAuditHead(db: Queryable): Promise<AuditHead | undefined> {
  return (await db.query<AuditHead>(readHead))[0];
}

const readBacklog = repeatable(
  'read_audit_backlog',
  `SELECT position::text, link, mac,
     EXISTS (SELECT FROM audit_log WHERE position IS NULL) AS waiting
   FROM audit_head`,
);

/** The same, and whether rows wait for their place in the chain. */
export async function readAuditBacklog(
  db: Queryable,
): Promise<(AuditHead & { readonly waiting: boolean }) | undefined> {
  return (await db.query<AuditHead & { readonly waiting: boolean }>(readBacklog))[0];
}

/** As `readAuditHead`, and nobody else adds to the chain until the transaction ends. */
export async function lockAuditHead(tx: Queryable): Promise<AuditHead | undefined> {
  return (await tx.query<AuditHead>(lockHead))[0];
}

const createHead = repeatable(
  'create_audit_head',
  // Waits for whoever does the same, and then leaves theirs as it is.
  `INSERT INTO audit_head (position, link, mac) VALUES ($1, $2, $3)
   ON CONFLICT (only_row) DO NOTHING`,
);

/** Stores the end of a chain that has no row yet, unless somebody has stored one. */
export async function createAuditHead(tx: Queryable, head: AuditHead): Promise<void> {
  await tx.query(createHead, [head.position, head.link, head.mac]);
}

const moveHead = repeatable(
  'move_audit_head',
  `UPDATE audit_head SET position = $1, link = $2, mac = $3, updated_at = now()`,
);

/** Stores a new end of the chain, under the lock. */
export async function moveAuditHead(tx: Queryable, head: AuditHead): Promise<void> {
  await tx.query(moveHead, [head.position, head.link, head.mac]);
}
