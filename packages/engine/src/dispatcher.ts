// The one place that every host call of a script passes.
import { RivetError, toRivetError } from '@rivet/base';
import type { HostCall, LuaHost, LuaValue } from '@rivet/lua';
import type { Branch } from './branch.ts';
import type { JobContext } from './job-context.ts';
import { findHostFunction } from './modules/registry.ts';
import { concealSecrets, resolveSecrets } from './secrets/secret-values.ts';

/**
 * Performs host calls: writes the journal before and after, checks arguments and options, refuses
 * effects where they may not be. Calls are answered in the order of their end records.
 */
export function createDispatcher(job: JobContext): LuaHost {
  return {
    async call(call) {
      await job.host.confirmed;
      const branch = job.branches.of(call.branch);
      countAfterStop(branch);
      if (branch.stage.parked) return await never();
      const shown = findHostFunction(call.name)?.journal === 'name' ? { ...call, args: [] } : call;
      journal(job, () => job.journal.begin(shown, job.log.last));
      const answer = await perform(job, branch, call);
      if (branch.stage.parked) return await never();
      journal(job, () => job.journal.end(call, answer, job.log.last));
      if ('error' in answer) throw answer.error;
      return answer.result;
    },
  };
}

type Answer = { readonly result: readonly LuaValue[] } | { readonly error: RivetError };

async function perform(job: JobContext, branch: Branch, call: HostCall): Promise<Answer> {
  try {
    const fn = findHostFunction(call.name);
    if (fn === undefined) throw RivetError.of('RIVET_CALL_UNKNOWN', { function: call.name });
    if (fn.effect) refuseEffect(branch, call.name);
    const { position } = call;
    const args = resolveSecrets(call.args, job.secrets);
    const name = call.name.replace('process.handle_', 'handle:');
    const result = await fn.run({ name, job, branch, position, argumentCount: args.length }, args);
    return { result: concealSecrets(result, job.secrets) };
  } catch (thrown) {
    const error = toRivetError(thrown);
    if (error.fault === 'rivet')
      job.logger.error({ err: thrown, call: call.name }, 'a host call failed');
    remember(job, branch, error);
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

function remember(job: JobContext, branch: Branch, error: RivetError): void {
  for (let at: Branch | undefined = branch; at !== undefined; at = job.branches.parentOf(at)) {
    at.lastError = error;
  }
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
