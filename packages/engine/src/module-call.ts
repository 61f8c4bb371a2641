// A host call on its way to its function, and what is noted about its end.
import { RivetError } from '@rivet/base';
import type { HostCall } from '@rivet/lua';
import type { Branch } from './branch.ts';
import type { ModuleCall } from './host-function.ts';
import type { JobContext } from './job-context.ts';
import { openHidden } from './journal/hidden-values.ts';
import type { BeginRecord, EndRecord } from './journal/journal-record.ts';

/** The call as its function sees it. */
export function moduleCallOf(
  job: JobContext,
  branch: Branch,
  { name, args, position, sequence }: HostCall,
  past: { readonly begunAtMs: number | undefined; readonly onRecorded: (() => void)[] },
): ModuleCall {
  return {
    name: name.replace('process.handle_', 'handle:'),
    job,
    branch,
    position,
    argumentCount: args.length,
    sequence,
    begunAtMs: past.begunAtMs,
    onRecorded: (action) => void past.onRecorded.push(action),
  };
}

/** Ends the job: a call was under way when its process died, and nobody knows how far it came. */
export function interruptedCall({ job, name }: ModuleCall, reason: string): RivetError {
  const error = RivetError.of('RIVET_JOB_INTERRUPTED', { call: name, reason });
  job.fail(error);
  return error;
}

/** Ends the job when an earlier process began the call: it is none that can be done twice. */
export function onlyOnce(call: ModuleCall): void {
  if (call.begunAtMs !== undefined) throw interruptedCall(call, 'it may be half done');
}

/**
 * Hides what the process that wrote the record has hidden since the one before.
 * @throws RIVET_JOB_INTERRUPTED when the key for that is gone
 */
export function hideAgain(call: ModuleCall, record: BeginRecord | EndRecord): void {
  const { seal, redactor } = call.job;
  const values = openHidden(seal, record);
  if (values === undefined) {
    throw interruptedCall(call, 'what it was given is sealed, and the key of that is gone');
  }
  for (const value of values) redactor.add(value, 'what the job was given before');
}

/** The branch, and those above it, know what its script heard last. */
export function rememberError(job: JobContext, branch: Branch, error: RivetError): void {
  for (let at: Branch | undefined = branch; at !== undefined; at = job.branches.parentOf(at)) {
    at.lastError = error;
  }
}
