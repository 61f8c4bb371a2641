// The resource "audit": who did what to what, and whether the log is as it was written.
import { type Static, Type } from 'typebox';
import { Page, PageQuery, Timestamp } from './page.ts';

const text = (maxLength: number) => Type.Optional(Type.String({ minLength: 1, maxLength }));

export const AuditQuery = Type.Object({
  ...PageQuery.properties,
  /** Name or id of who did it. */
  actor: text(300),
  /** An action, or several: `*` stands for any text. */
  action: text(100),
  /** Name or id of what it was done to. */
  object: text(300),
  /** Rows from this time on, ISO 8601. */
  since: text(40),
  /** Rows before this time. */
  until: text(40),
});
export type AuditQuery = Static<typeof AuditQuery>;

export const AuditEntry = Type.Object({
  id: Type.String(),
  /** Place in the chain; null for the second or so until it has one. */
  position: Type.Union([Type.Integer(), Type.Null()]),
  at: Timestamp,
  actor: Type.Object({
    /** `person`, `runner`, `registration`, `anonymous` or `system`. */
    kind: Type.String(),
    id: Type.String(),
    name: Type.String(),
    /** `session`, `browser`, `api_key`, `runner_token`, `registration_token`; empty for the rest. */
    via: Type.String(),
    via_id: Type.String(),
  }),
  action: Type.String(),
  object: Type.Object({ kind: Type.String(), id: Type.String(), name: Type.String() }),
  address: Type.String(),
  request_id: Type.String(),
  details: Type.Record(Type.String(), Type.Unknown()),
});
export type AuditEntry = Static<typeof AuditEntry>;
export const AuditList = Page(AuditEntry);
export type AuditList = Static<typeof AuditList>;

export const AuditFinding = Type.Object({
  /**
   * `changed`: says something else, or was put in; `missing`: was removed; `moved`: stands where it
   * was not; `head`: the end of the chain was changed.
   */
  kind: Type.Enum(['changed', 'missing', 'moved', 'head']),
  /** Place in the chain, where there is one. */
  position: Type.Union([Type.Integer(), Type.Null()]),
  id: Type.Union([Type.String(), Type.Null()]),
  message: Type.String(),
});
export type AuditFinding = Static<typeof AuditFinding>;

export const AuditVerifyQuery = Type.Object({
  /** `next_cursor` of the answer before; absent: from the first row. */
  cursor: Type.Optional(Type.String({ maxLength: 500 })),
  /** An end of the log that was kept elsewhere: `position:link`, the link in hexadecimal. */
  head: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,15}:[0-9a-f]{64}$' })),
});
export type AuditVerifyQuery = Static<typeof AuditVerifyQuery>;

/** A part of the log; the caller goes on with `next_cursor` until it is null. */
export const AuditVerification = Type.Object({
  /** Rows that were looked at. */
  checked: Type.Integer(),
  /** The first of what was found in them; whoever changes one row seldom stops there. */
  findings: Type.Array(AuditFinding),
  findings_left_out: Type.Integer(),
  next_cursor: Type.Union([Type.String(), Type.Null()]),
  /** In the last part: the end of the log, to be kept elsewhere; null in the others. */
  head: Type.Union([Type.String(), Type.Null()]),
  /** In the last part: rows that wait for their place in the chain. */
  waiting: Type.Integer(),
});
export type AuditVerification = Static<typeof AuditVerification>;
