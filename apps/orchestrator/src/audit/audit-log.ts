// Records who did what to what, in the transaction of the change itself.
import { uuidv7 } from '@rivet/base';
import type { AuditAction } from '@rivet/protocol';
import { type AuditContent, insertAuditRow, type Queryable } from '@rivet/store';
import type { Principal } from '../auth/principal.ts';
import type { AuditKeys } from './audit-keys.ts';

/** What was done to what. Never holds a secret, a password or a token. */
export interface AuditEvent {
  readonly action: AuditAction;
  /** What it was done to, as it is called now; the name outlives the thing. */
  readonly object: { readonly kind: string; readonly id: string; readonly name: string };
  readonly details?: Readonly<Record<string, AuditDetail | undefined>>;
}

type AuditDetail = string | number | boolean | null | readonly string[];

export interface AuditLog {
  /**
   * Adds a row; it is there exactly if the transaction `tx` is. To be called once the change is
   * certain, not where it turned out that there is nothing to change.
   * @param principal who did it, with the request that asked for it; undefined: Rivet itself
   */
  record(tx: Queryable, principal: Principal | undefined, event: AuditEvent): Promise<void>;
}

/** Longest name, address or text of a detail, in characters: what is longer is cut. */
const TEXT_LENGTH_MAX = 300;
/** Most items of a list among the details. */
const ITEMS_MAX = 50;

export function createAuditLog(keys: AuditKeys): AuditLog {
  return {
    async record(tx, principal, { action, object, details = {} }) {
      const row: AuditContent = {
        id: uuidv7(),
        ...actorOf(principal),
        action,
        object_kind: storable(object.kind),
        object_id: storable(object.id),
        object_name: storable(object.name),
        address: storable(principal?.from?.address ?? ''),
        request_id: storable(principal?.from?.requestId ?? ''),
        details: JSON.stringify(storableDetails(details)),
      };
      await insertAuditRow(tx, row, keys.rowMac(row));
    },
  };
}

type Actor = Pick<AuditContent, 'actor_kind' | 'actor_id' | 'actor_name' | 'via_kind' | 'via_id'>;

function actorOf(principal: Principal | undefined): Actor {
  if (principal === undefined) return actor('system', '', 'rivet', '', '');
  switch (principal.kind) {
    case 'person': {
      const { userId, name, via } = principal;
      if (via.kind === 'api_key') return actor('person', userId, name, 'api_key', via.apiKeyId);
      const kind = via.browser ? 'browser' : 'session';
      return actor('person', userId, name, kind, via.sessionId);
    }
    case 'runner':
      return actor('runner', principal.runnerId, principal.name, 'runner_token', '');
    case 'registration':
      return actor('registration', principal.tokenId, '', 'registration_token', principal.tokenId);
    case 'anonymous':
      return actor('anonymous', '', '', '', '');
  }
}

function actor(kind: string, id: string, name: string, viaKind: string, viaId: string): Actor {
  return {
    actor_kind: kind,
    actor_id: id,
    actor_name: storable(name),
    via_kind: viaKind,
    via_id: viaId,
  };
}

/** Text that PostgreSQL takes and gives back as it was hashed. */
function storable(text: string): string {
  const short = text.length <= TEXT_LENGTH_MAX ? text : `${text.slice(0, TEXT_LENGTH_MAX - 1)}…`;
  return short.toWellFormed().replaceAll('\0', '\uFFFD');
}

function storableDetails(
  details: Readonly<Record<string, AuditDetail | undefined>>,
): Record<string, AuditDetail> {
  const known = Object.entries(details).filter(
    (entry): entry is [string, AuditDetail] => entry[1] !== undefined,
  );
  return Object.fromEntries(
    known.map(([name, value]) => {
      if (typeof value === 'string') return [name, storable(value)];
      if (typeof value !== 'object' || value === null) return [name, value];
      return [name, value.slice(0, ITEMS_MAX).map(storable)];
    }),
  );
}
