// The one place that every host call of a script passes.
import { RivetError, toRivetError } from '@rivet/base';
import type { HostCall, LuaHost, LuaValue } from '@rivet/lua';
import type { Branch } from './branch.ts';
import type { CommandRequest } from './commands/command-request.ts';
import type { HostFunction, ModuleCall } from './host-function.ts';
import type { JobContext } from './job-context.ts';
import type { RecordedCall } from './journal/replay.ts';
import { hideAgain, moduleCallOf, onlyOnce, rememberError } from './module-call.ts';
import { findHostFunction } from './modules/registry.ts';
import { replayCall } from './replay-call.ts';
import { concealSecrets, resolveSecrets } from './secrets/secret-values.ts';

/**
 * Performs host calls: writes the journal before and after, checks arguments and options, refuses
 * effects where they may not be. Calls are answered in the order of their end records. What an
 * earlier process did is not done again: such a call is answered from its journal.
 */
export function createDispatcher(job: JobContext): LuaHost {
  return {
    async call(call) {
      await job.host.confirmed;
      const branch = job.branches.of(call.branch);
      branch.sequence = call.sequence;
      countAfterStop(branch);
      if (branch.stage.parked) return await never();
      const fn = findHostFunction(call.name);
      const shown = fn?.journal === 'name' ? { ...call, args: [] } : call;
      const recorded = job.replay?.meet(shown);
      if (recorded?.begin.hidden !== undefined) {
        const past = { begunAtMs: undefined, onRecorded: [] };
        hideAgain(moduleCallOf(job, branch, call, past), recorded.begin);
      }
      if (recorded?.end !== undefined) {
        return await replayCall({ job, branch, call, fn }, recorded.end);
      }
      // The others are still where they were when the earlier process died.
      await job.replay?.over;
      if (branch.stage.parked) return await never();
      return await performNow(job, branch, { call, fn, shown, recorded });
    },
    foreseen: (call) => foresee(job, call),
  };
}

/** Makes a command ready that a script is about to ask for; what is wrong with it the call says. */
function foresee(job: JobContext, call: HostCall): void {
  const fn = findHostFunction(call.name);
  if (fn?.command === undefined) return;
  const moduleCall = moduleCallOf(job, job.branches.of(call.branch), call, {
    begunAtMs: undefined,
    onRecorded: [],
  });
  let request: CommandRequest;
  try {
    request = fn.command(moduleCall.name, resolveSecrets(call.args, job.secrets));
  } catch {
    return;
  }
  job.ahead.foreseen(moduleCall, request);
}

interface NewCall {
  readonly call: HostCall;
  /** As the journal shows it. */
  readonly shown: HostCall;
  readonly fn: HostFunction | undefined;
  /** What the journal has of it, when an earlier process began it. */
  readonly recorded: RecordedCall | undefined;
}

async function performNow(
  job: JobContext,
  branch: Branch,
  { call, shown, fn, recorded }: NewCall,
): Promise<readonly LuaValue[]> {
  const { log, secrets } = job;
  if (recorded === undefined) {
    journal(job, () => job.journal.begin(shown, log.last, secrets.takeAdded()));
  }
  const onRecorded: (() => void)[] = [];
  const begunAtMs = recorded === undefined ? undefined : Date.parse(recorded.begin.t);
  const moduleCall = moduleCallOf(job, branch, call, { begunAtMs, onRecorded });
  const answer = await perform(moduleCall, call, fn);
  if (branch.stage.parked) return await never();
  journal(job, () => job.journal.end(call, answer, log.last, secrets.takeAdded()));
  // The script need not wait for it.
  if (onRecorded.length > 0) setImmediate(() => onRecorded.forEach((action) => void action()));
  if ('error' in answer) throw answer.error;
  return answer.result;
}

type Answer = { readonly result: readonly LuaValue[] } | { readonly error: RivetError };

async function perform(
  call: ModuleCall,
  { name, args }: HostCall,
  fn: HostFunction | undefined,
): Promise<Answer> {
  const { job, branch } = call;
  try {
    if (fn === undefined) throw RivetError.of('RIVET_CALL_UNKNOWN', { function: name });
    if (fn.effect) refuseEffect(branch, name);
    if (fn.interrupted === 'give-up') onlyOnce(call);
    const result = await fn.run(call, resolveSecrets(args, job.secrets));
    return { result: concealSecrets(result, job.secrets) };
  } catch (thrown) {
    const error = toRivetError(thrown);
    if (error.fault === 'rivet')
      job.logger.error({ err: thrown, call: name }, 'a host call failed');
    rememberError(job, branch, error);
    return { error };
  }
}

/** A condition only decides; a stage that is being stopped only cleans up. */
function refuseEffect(branch: Branch, name: string): void {
  branch.signal.throwIfAborted();
  if (branch.stage.inCondition) {
    throw RivetError.of('RIVET_STAGE_CONDITION_EFFECT', { function: name });
  }
}

/** What a script may still do to clean up once its stage is being stopped. */
const CALLS_AFTER_STOP_MAX = 200;

/** A script that catches why it is stopped and goes on is left where it is. */
function countAfterStop({ stage }: Branch): void {
  if (!stage.signal.aborted) return;
  stage.callsAfterStop += 1;
  if (stage.callsAfterStop <= CALLS_AFTER_STOP_MAX) return;
  stage.parked = true;
  stage.abandon();
}

/** Without a journal nothing may happen: a job whose journal cannot be written ends. */
function journal(job: JobContext, write: () => void): void {
  try {
    write();
  } catch (error) {
    job.fail(toRivetError(error));
    throw error;
  }
}

/** The answer to a script that nobody listens to any more: its coroutine stays where it is. */
function never(): Promise<never> {
  return new Promise(() => {});
}
