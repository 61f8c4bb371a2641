// Fetches the secrets of a claimed job from the server when its script asks for them. Nothing of
// them is kept here: they live in the memory of the job.
import { type RivetError, SecretText } from '@rivet/base';
import type { SecretProvider } from '@rivet/engine';
import type { ClaimedJob, JobSecretsResponse } from '@rivet/protocol';
import { askAgain } from './ask-again.ts';
import { mayRepeat } from './server-answer.ts';
import type { ServerApi } from './server-api.ts';

/** One call: the server may ask Vault, for 15 seconds at most. */
const CALL_MS = 25_000;
/** An orchestrator that is being replaced is back by then. */
const ASK_MS_MAX = 120_000;

/**
 * The secrets of a job.
 * @param fence aborts when the job is no longer ours
 */
export function createServerSecrets(
  api: Pick<ServerApi, 'secrets'>,
  job: ClaimedJob,
  fence: AbortSignal,
): SecretProvider {
  const reasons = new Map<string, string>();
  return {
    async get(name) {
      const answer = await ask(api, job, name, fence);
      const found = answer.secrets.find((each) => each.name === name);
      if (found !== undefined) return new SecretText(found.value);
      const absent = answer.absent.find((each) => each.name === name);
      if (absent !== undefined) reasons.set(name, absent.reason);
      return undefined;
    },
    whyAbsent: (name) => reasons.get(name),
  };
}

/** Asks again while the server cannot be reached or is in trouble, as long as the job is ours. */
function ask(
  api: Pick<ServerApi, 'secrets'>,
  { id, attempt, lease_id }: ClaimedJob,
  name: string,
  fence: AbortSignal,
): Promise<JobSecretsResponse> {
  const body = { attempt, lease_id, names: [name] };
  return askAgain((limits) => api.secrets(id, body, limits), {
    fence,
    callMs: CALL_MS,
    askMsMax: ASK_MS_MAX,
    isPassing,
  });
}

/** A provider was asked several times by the server, and a broken row stays broken. */
function isPassing(error: RivetError): boolean {
  return mayRepeat(error) && !error.code.startsWith('RIVET_SECRET_');
}
