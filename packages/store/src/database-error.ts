// Says what went wrong with the database: its own refusals, a lost connection, a transient
// conflict.
import { describeThrown, RivetError } from '@rivet/base';
import { WrongHostError } from './database-place.ts';

const CONFLICTS = new Set(['40001', '40P01']);
/** Shutting down, starting up, no more connections, and the class of connection errors. */
const AWAY = /^(08|57P|53300|25P0[234])/;
/** The host is a standby, or became one under the connection. */
const READ_ONLY = '25006';
/** It is starting up, or has no connection left: nothing was begun. */
const NOT_NOW = /^(57P03|53300)$/;
/** A prepared statement is there already, or not any more: the session is not ours alone. */
const SHARED_SESSION = /^(42P05|26000)$/;
/** The statement was canceled: it took too long, and would again. */
const SLOW = '57014';
/** In words of ours: those of PostgreSQL name its files. */
const FULL: Readonly<Record<string, string>> = {
  '53100': 'its disk is full',
  '53200': 'it is out of memory',
  '53400': 'a limit of its configuration is reached',
  '54000': 'a limit of PostgreSQL is reached',
};
const SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EHOSTDOWN',
  'ENOENT',
]);
const CONNECT_TIMEOUT = 'timeout exceeded when trying to connect';
/** What pg says without a code. */
const LOST_MESSAGES = [
  'Connection terminated',
  CONNECT_TIMEOUT,
  'Client was closed',
  'Client has encountered a connection error',
  'Query read timeout',
];
/** Wrong password, no such user or database, not allowed in. */
const REFUSED = /^(28|3D000|42501)/;

function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** A deadlock or a serialization failure: the transaction was undone and may run again. */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(codeOf(error));
}

/** The database takes no writes here: another host does, or will in a moment. */
export function isReadOnly(error: unknown): boolean {
  return codeOf(error) === READ_ONLY;
}

/** Nothing of what was asked has happened, and it may be asked again of another connection. */
export function isNotBegun(error: unknown): boolean {
  if (error instanceof WrongHostError || isReadOnly(error)) return true;
  if (NOT_NOW.test(codeOf(error))) return true;
  return codeOf(error) === 'ECONNREFUSED';
}

/** The connection or the server went away: what was under way may or may not have happened. */
export function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error);
  if (SYSTEM_CODES.has(code) || AWAY.test(code) || isNotBegun(error)) return true;
  if (code !== '' || !(error instanceof Error)) return false;
  return LOST_MESSAGES.some((message) => error.message.includes(message));
}

/** Name of the constraint that was violated; undefined for any other error. */
export function violatedConstraint(error: unknown): string | undefined {
  if (!codeOf(error).startsWith('23')) return undefined;
  const { constraint } = error as { constraint?: unknown };
  return typeof constraint === 'string' ? constraint : undefined;
}

/**
 * The error for people, where it is one of the database's condition; any other is returned as it
 * is.
 */
export function toDatabaseError(error: unknown, database: string): unknown {
  const code = codeOf(error);
  const reason = describeReason(error);
  const full = FULL[code];
  if (full !== undefined) return RivetError.of('RIVET_DATABASE_FULL', { reason: full }, error);
  const isAway = isConnectionLoss(error) || SHARED_SESSION.test(code);
  if (isAway || code === SLOW || REFUSED.test(code)) {
    return RivetError.of('RIVET_DATABASE_UNREACHABLE', { database, reason }, error);
  }
  return error;
}

function describeReason(error: unknown): string {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  switch (codeOf(error)) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name is unknown';
    case SLOW:
      return 'a query took too long';
    default: {
      if (SHARED_SESSION.test(codeOf(error))) {
        return 'a pooler shares its sessions, and RIVET_PREPARED_STATEMENTS is not off';
      }
      const text = describeThrown(first);
      // The pool says this also when all of its connections are busy.
      return text === CONNECT_TIMEOUT ? 'no connection was free or could be made in time' : text;
    }
  }
}
