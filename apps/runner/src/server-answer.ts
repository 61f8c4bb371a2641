// What an error of the server means to a runner: try again, give up, or stop because the job is
// lost.
import type { ErrorCode, RivetError } from '@rivet/base';

const RETRY_STATUSES = new Set([408, 425, 429]);
const RETRY_AFTER_MS_MAX = 60_000;

/**
 * What to do about the answer to a report. undefined: nobody has decided about it, send it again.
 */
export function refusalOf(error: RivetError): 'lost' | 'refused' | undefined {
  // The last two: the runner was revoked.
  if (
    hasCode(
      error,
      'RIVET_LEASE_LOST',
      'RIVET_JOB_NOT_FOUND',
      'RIVET_AUTH_INVALID',
      'RIVET_AUTH_REQUIRED',
    )
  ) {
    return 'lost';
  }
  if (hasCode(error, 'RIVET_INTERNAL') && error.details.status === undefined) return 'refused';
  return mayRepeat(error) ? undefined : 'refused';
}

/** Whether the server is there and cannot decide about anything: its database is away. */
export function isUndecided(error: RivetError): boolean {
  return hasCode(error, 'RIVET_DATABASE_UNREACHABLE', 'RIVET_DATABASE_FULL');
}

/** Whether less of it would have been taken. */
export function isTooLarge(error: RivetError): boolean {
  return hasCode(error, 'RIVET_REQUEST_TOO_LARGE');
}

/** Whether the same request may succeed later: the server was not reached, or is in trouble. */
export function mayRepeat(error: RivetError): boolean {
  if (hasCode(error, 'RIVET_SERVER_UNREACHABLE', 'RIVET_SERVER_ANSWER_INVALID')) return true;
  // Another orchestrator may be newer already, or this one in a moment.
  if (hasCode(error, 'RIVET_PROTOCOL_MISMATCH')) return error.details.older === 'orchestrator';
  // Of this machine, whatever the status.
  if (error.code.startsWith('RIVET_RUNNER_')) return false;
  const { status } = error.details;
  const code = typeof status === 'number' ? status : error.entry.status;
  return code >= 500 || RETRY_STATUSES.has(code);
}

/** Milliseconds that the server asked to wait, at most a minute; 0 when it did not ask. */
export function retryAfterMs(error: RivetError): number {
  const { retry_after_ms: asked } = error.details;
  return typeof asked === 'number' ? Math.min(Math.max(0, asked), RETRY_AFTER_MS_MAX) : 0;
}

function hasCode(error: RivetError, ...codes: ErrorCode[]): boolean {
  return codes.includes(error.code);
}
