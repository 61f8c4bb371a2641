// Records what was refused: wrong tokens and passwords, rights that somebody does not have. In
// bounded amounts, as whoever attacks decides how many there are.
import { createService, type Logger, type RivetError, type Service } from '@rivet/base';
import type { AuditAction } from '@rivet/protocol';
import type { Database } from '@rivet/store';
import type { Principal } from '../auth/principal.ts';
import type { AuditEvent, AuditLog } from './audit-log.ts';

export interface RefusalOptions {
  readonly database: Database;
  readonly audit: AuditLog;
  readonly logger: Logger;
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
}

export interface Refusals extends Service {
  /** Notes that a request was answered with an error; those that refuse nothing are left out. */
  note(principal: Principal, route: string, error: RivetError): void;
  /** Writes what was only counted so far, where its time has come. */
  flush(): Promise<void>;
}

/** The account that somebody tried in vain; the cause of an error, which no client is shown. */
export class RefusedAccount extends Error {
  readonly id: string;

  constructor(user: { readonly id: string; readonly name: string }) {
    super('it was tried in vain');
    this.name = user.name;
    this.id = user.id;
  }
}

/** Rows that may be written at once, and how many more each minute. */
const BURST = 100;
const ROWS_PER_MINUTE = 5;
const MINUTE_MS = 60_000;
/** The same refusal again within so long is counted into one row. */
const WINDOW_MS = 10 * MINUTE_MS;

interface Counted {
  readonly principal: Principal;
  readonly event: AuditEvent;
  readonly sinceMs: number;
  /** After the first, which has a row of its own. */
  times: number;
}

/**
 * The first refusal of its kind has a row at once; the same from the same address within ten
 * minutes is counted, and written when they are over. Beyond 100 rows, and 5 each minute, only the
 * number of refusals is written, once a minute. Counts that were not written are lost with the
 * process.
 */
export function createRefusals(options: RefusalOptions): Refusals {
  const { database, audit, logger } = options;
  const now = options.now ?? (() => performance.now());
  const counted = new Map<string, Counted>();
  const unlisted = new Map<AuditAction, number>();
  const writes = new Set<Promise<void>>();
  let budget = BURST;
  let filledMs = now();

  const write = (principal: Principal | undefined, event: AuditEvent): void => {
    const written = database
      .transaction((tx) => audit.record(tx, principal, event), { repeatable: false })
      .catch((error: unknown) => logger.warn({ err: error }, 'a refusal could not be recorded'))
      .finally(() => writes.delete(written));
    writes.add(written);
  };
  const mayWrite = (): boolean => {
    const nowMs = now();
    budget = Math.min(BURST, budget + ((nowMs - filledMs) / MINUTE_MS) * ROWS_PER_MINUTE);
    filledMs = nowMs;
    if (budget < 1) return false;
    budget -= 1;
    return true;
  };
  const flush = async (all: boolean): Promise<void> => {
    for (const [key, { principal, event, sinceMs, times }] of counted) {
      if (!all && now() - sinceMs < WINDOW_MS) continue;
      counted.delete(key);
      if (times === 0) continue;
      const details = { ...event.details, times, minutes: minutesSince(sinceMs, now()) };
      write(principal, { ...event, details });
    }
    if (unlisted.size > 0) {
      const object = { kind: '', id: '', name: '' };
      write(undefined, { action: 'audit.refused', object, details: Object.fromEntries(unlisted) });
      unlisted.clear();
    }
    await Promise.all(writes);
  };
  let timer: NodeJS.Timeout | undefined;
  const service = createService('refusals', {
    async start() {
      timer = setInterval(() => void flush(false), MINUTE_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await flush(true);
    },
  });
  return {
    ...service,
    flush: () => flush(false),
    note(principal, route, error) {
      const event = refusalOf(route, error);
      if (event === undefined) return;
      const key = JSON.stringify([event, whoOf(principal), principal.from?.address]);
      const known = counted.get(key);
      if (known !== undefined) {
        known.times += 1;
      } else if (mayWrite()) {
        counted.set(key, { principal, event, sinceMs: now(), times: 0 });
        write(principal, event);
      } else {
        unlisted.set(event.action, (unlisted.get(event.action) ?? 0) + 1);
      }
    },
  };
}

function minutesSince(sinceMs: number, nowMs: number): number {
  return Math.max(1, Math.round((nowMs - sinceMs) / MINUTE_MS));
}

/** Undefined for an error that refuses nobody. */
function refusalOf(route: string, error: RivetError): AuditEvent | undefined {
  const action = actionOf(error);
  if (action === undefined) return undefined;
  const { permission, object } = error.details;
  const { cause } = error;
  // Of a name that nobody has nothing is kept: it may be a password, typed into the wrong field.
  const known = cause instanceof RefusedAccount;
  return {
    action,
    object: known
      ? { kind: 'user', id: cause.id, name: cause.name }
      : { kind: 'route', id: route, name: route },
    details: {
      code: error.code,
      ...(known && { route }),
      ...(typeof permission === 'string' && { permission }),
      ...(typeof object === 'string' && object !== '' && { object: object.trim() }),
    },
  };
}

function actionOf({ code, entry }: RivetError): AuditAction | undefined {
  // Whoever brings no token at all is no attack: scanners and people who are not signed in yet.
  if (code === 'RIVET_AUTH_REQUIRED' || code === 'RIVET_AUTH_BUSY') return undefined;
  switch (entry.status) {
    case 401:
      return 'auth.refused';
    case 403:
      return 'access.denied';
    case 429:
      return code === 'RIVET_AUTH_THROTTLED' ? 'auth.throttled' : undefined;
    default:
      return undefined;
  }
}

function whoOf(principal: Principal): string {
  switch (principal.kind) {
    case 'person':
      return principal.userId;
    case 'runner':
      return principal.runnerId;
    case 'registration':
      return principal.tokenId;
    case 'anonymous':
      return '';
  }
}
