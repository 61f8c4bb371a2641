// Routes of the resource "audit".
import { didYouMean, RivetError } from '@rivet/base';
import { type AuditEntry, type AuditQuery, auditActions } from '@rivet/protocol';
import { type AuditFilter, type AuditRow, type Database, listAuditRows } from '@rivet/store';
import { matchesPattern } from '../../access/pattern.ts';
import type { AuditKeys } from '../../audit/audit-keys.ts';
import { verifyPart } from '../../audit/verify-part.ts';
import { decodeCursor, encodeCursor, toPage } from '../cursor.ts';
import type { Handlers } from '../handler.ts';

const LIMIT_DEFAULT = 50;
const CURSOR = 'audit';
const CURSOR_PATTERN = /^\d{1,18}:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** After every row that there can be. */
const NEWEST = { at_us: '253402300800000000', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };

export function auditRoutes({
  database,
  auditKeys,
}: {
  readonly database: Database;
  readonly auditKeys: AuditKeys;
}): Handlers<'listAuditEntries' | 'verifyAuditLog'> {
  return {
    listAuditEntries: async ({ query }) => {
      const limit = query.limit ?? LIMIT_DEFAULT;
      const before = query.cursor === undefined ? NEWEST : readCursor(query.cursor);
      const rows = await listAuditRows(database, readFilter(query), before, limit + 1);
      return toPage(rows, limit, presentEntry, ({ at_us, id }) =>
        encodeCursor(CURSOR, `${at_us}:${id}`),
      );
    },
    verifyAuditLog: ({ query }) => verifyPart(database, auditKeys, query),
  };
}

function readCursor(cursor: string): { at_us: string; id: string } {
  const [at_us = '', id = ''] = decodeCursor(CURSOR, cursor, CURSOR_PATTERN).split(':');
  return { at_us, id };
}

function readFilter(query: AuditQuery): AuditFilter {
  const { actor, object, action, since, until } = query;
  return {
    actor,
    object,
    action: action === undefined ? undefined : actionPattern(action),
    since: since === undefined ? undefined : readTime(since),
    until: until === undefined ? undefined : readTime(until),
  };
}

/** The pattern of LIKE; an action that does not exist finds nothing for ever, so it is refused. */
function actionPattern(text: string): string {
  const known = Object.keys(auditActions);
  if (!known.some((action) => matchesPattern(text, action))) {
    throw RivetError.of('RIVET_AUDIT_ACTION_UNKNOWN', {
      found: JSON.stringify(text),
      suggestion: didYouMean(text, known),
    });
  }
  // What fits the name of an action has no other characters that mean something to LIKE.
  return text.replaceAll('_', '\\_').replaceAll('*', '%');
}

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A time, in UTC unless it says otherwise, or how long ago it was. */
function readTime(text: string): Date {
  const [, amount = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const zoned = /T[^Z+-]*$/.test(text) ? `${text}Z` : text;
  const time =
    unit === ''
      ? new Date(/^\d{4}-\d\d-\d\d/.test(text) ? zoned : Number.NaN)
      : new Date(Date.now() - Number(amount) * (MS_PER_UNIT[unit] ?? 0));
  if (time.getUTCFullYear() >= 0 && time.getUTCFullYear() <= 9999) return time;
  const example = '2026-03-01T12:00:00Z';
  throw RivetError.of('RIVET_AUDIT_TIME_INVALID', { found: JSON.stringify(text), example });
}

function presentEntry(row: AuditRow): AuditEntry {
  return {
    id: row.id,
    position: row.position === null ? null : Number(row.position),
    at: row.at.toISOString(),
    actor: {
      kind: row.actor_kind,
      id: row.actor_id,
      name: row.actor_name,
      via: row.via_kind,
      via_id: row.via_id,
    },
    action: row.action,
    object: { kind: row.object_kind, id: row.object_id, name: row.object_name },
    address: row.address,
    request_id: row.request_id,
    details: JSON.parse(row.details) as Record<string, unknown>,
  };
}
