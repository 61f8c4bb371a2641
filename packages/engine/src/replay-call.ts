// Answers a call from the journal of an earlier process, and brings about again what the engine
// must know of it.
import { type ErrorCode, RivetError, toRivetError } from '@rivet/base';
import type { HostCall, LuaValue } from '@rivet/lua';
import type { Branch } from './branch.ts';
import type { HostFunction, ModuleCall } from './host-function.ts';
import type { JobContext } from './job-context.ts';
import type { EndRecord, JournalError } from './journal/journal-record.ts';
import { decodeValue } from './journal/journal-values.ts';
import { hideAgain, interruptedCall, moduleCallOf, rememberError } from './module-call.ts';
import { concealSecrets, rebindSecrets, resolveSecrets } from './secrets/secret-values.ts';

interface EndedCall {
  readonly job: JobContext;
  readonly branch: Branch;
  readonly call: HostCall;
  readonly fn: HostFunction | undefined;
}

type Answer = { readonly result: readonly LuaValue[] } | { readonly error: RivetError };

/**
 * Gives the recorded answer when it has its turn.
 * @throws the recorded error, RIVET_JOB_INTERRUPTED for an answer that the journal has not in full
 */
export async function replayCall(
  ended: EndedCall,
  record: EndRecord,
): Promise<readonly LuaValue[]> {
  const { job, branch, call } = ended;
  if (job.replay === undefined) throw new Error('there is no journal to answer from');
  return await job.replay.inTurn(call, async () => {
    const answer = await restore(ended, record);
    if ('result' in answer) return answer.result;
    rememberError(job, branch, answer.error);
    throw answer.error;
  });
}

/** What the journal says; undefined when it holds a secret that nobody can read any more. */
function readAnswer({ seal }: JobContext, record: EndRecord): Answer | undefined {
  if (record.redacted !== true) return answerOf(record);
  const text = record.sealed === undefined ? undefined : seal?.open(record, record.sealed);
  return text === undefined ? undefined : answerOf(JSON.parse(text));
}

function answerOf({ result, error }: Pick<EndRecord, 'result' | 'error'>): Answer {
  if (error === undefined) return { result: (result ?? []).map(decodeValue) };
  const { code, message, details } = error as JournalError & { details: RivetError['details'] };
  return { error: RivetError.received(code as ErrorCode, message, details) };
}

async function restore(ended: EndedCall, record: EndRecord): Promise<Answer> {
  const { job, branch, call, fn } = ended;
  // What it did is over and recorded: nothing of it can be interrupted.
  const moduleCall = moduleCallOf(job, branch, call, { begunAtMs: undefined, onRecorded: [] });
  const recorded = readAnswer(job, record);
  try {
    hideAgain(moduleCall, record);
    if (fn?.replay === 'again') return await again(moduleCall, ended, fn, recorded);
    if (recorded === undefined) {
      const reason = 'its answer holds a secret, which the journal does not';
      throw interruptedCall(moduleCall, reason);
    }
    if (typeof fn?.replay === 'function' && 'result' in recorded) {
      await fn.replay(moduleCall, recorded.result, resolveSecrets(call.args, job.secrets));
    }
    return recorded;
  } catch (thrown) {
    const error = toRivetError(thrown);
    job.fail(error);
    throw error;
  }
}

async function again(
  moduleCall: ModuleCall,
  { job, call }: EndedCall,
  fn: HostFunction,
  recorded: Answer | undefined,
): Promise<Answer> {
  let results: readonly LuaValue[];
  try {
    results = await fn.run(moduleCall, resolveSecrets(call.args, job.secrets));
  } catch (error) {
    // It failed before as well.
    if (recorded !== undefined && 'error' in recorded) return recorded;
    throw error;
  }
  if (recorded === undefined) return { result: concealSecrets(results, job.secrets) };
  if ('result' in recorded) {
    rebindSecrets(results, [...recorded.result], (secret, handle) =>
      job.secrets.rebind(secret, handle),
    );
  }
  return recorded;
}
