// From the error that ended a job to its outcome and the reason that is recorded.
import { describeThrown, type ErrorCode, errorCatalogue, RivetError } from '@rivet/base';
import { positionOf } from '@rivet/lua';
import type { FailureReason, JobOutcome } from '@rivet/protocol';

const REASONS: Partial<Record<ErrorCode, FailureReason>> = {
  RIVET_CALL_ARGUMENT: 'lua_error',
  RIVET_CALL_OPTION_UNKNOWN: 'lua_error',
  RIVET_FS_FILE_MAX: 'policy',
  RIVET_FS_READONLY: 'policy',
  RIVET_FS_WORKSPACE_MAX: 'policy',
  RIVET_JOB_DEFINITION_CHANGED: 'definition_changed',
  RIVET_JOB_INTERRUPTED: 'interrupted',
  RIVET_JOB_LOG_LIMIT: 'log_limit',
  RIVET_JOB_TIMEOUT: 'timeout',
  RIVET_LUA_CPU_LIMIT: 'lua_limit',
  RIVET_LUA_ERROR: 'lua_error',
  RIVET_LUA_MEMORY_LIMIT: 'lua_limit',
  RIVET_LUA_SYNTAX: 'lua_error',
  RIVET_LUA_VALUE: 'lua_error',
  RIVET_PIPELINE_INVALID: 'lua_error',
  RIVET_POLICY_DENIED: 'policy',
  RIVET_POLICY_EXCEEDED: 'policy',
  RIVET_CONTAINER_VERIFY_UNAVAILABLE: 'policy',
  RIVET_STAGE_TIMEOUT: 'timeout',
};

/** Whoever wrote the pipeline can mend a `stage_failed`; whoever runs Rivet an `infrastructure`. */
export function failureReason(error: RivetError): FailureReason {
  const cause = error.details.cause_code;
  const code = isErrorCode(cause) ? cause : error.code;
  const known = REASONS[code];
  if (known !== undefined) return known;
  return errorCatalogue[code].fault === 'user' ? 'stage_failed' : 'infrastructure';
}

function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorCatalogue, value);
}

/** The outcome of a job that this error ended. */
export function failedOutcome(error: RivetError): JobOutcome {
  if (error.code === 'RIVET_JOB_CANCELED') return { state: 'canceled', message: error.message };
  return {
    state: 'failed',
    reason: failureReason(error),
    message: describeFailure(error),
    code: error.code,
    ...exitCodeOf(error),
  };
}

/** Of a command that failed, or of the first of several. */
function exitCodeOf({ details: { exit_code: exitCode } }: RivetError): { exit_code?: number } {
  const isCode = Number.isInteger(exitCode) && Number(exitCode) >= 0 && Number(exitCode) <= 255;
  return isCode ? { exit_code: Number(exitCode) } : {};
}

/** The program that runs the job did not take what the job told. */
export function reportFailed(error: unknown): RivetError {
  return RivetError.of('RIVET_JOB_REPORT', { reason: describeThrown(error) }, error);
}

/** `pipeline.lua:12: what happened`, where the place is known. */
export function describeFailure(error: RivetError): string {
  const position = positionOf(error);
  if (position === undefined) return error.message;
  const place = `${position.file}:${position.line}:`;
  return error.message.startsWith(place) ? error.message : `${place} ${error.message}`;
}
