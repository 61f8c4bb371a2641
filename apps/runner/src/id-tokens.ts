// Identity tokens for a job on this runner: the server signs them for whoever holds the lease.
import { SecretText } from '@rivet/base';
import type { IdTokenIssuer } from '@rivet/engine';
import type { ClaimedJob } from '@rivet/protocol';
import { askAgain } from './ask-again.ts';
import type { Clock } from './clock.ts';
import type { ServerApi } from './server-api.ts';

const TRY_MS = 10_000;
const TRIES_MS = 60_000;

/**
 * Asks again while the server cannot be reached, for a minute.
 * @param options.signal aborts when the attempt is over here
 */
export function serverIdTokens(options: {
  readonly api: Pick<ServerApi, 'idToken'>;
  readonly job: Pick<ClaimedJob, 'id' | 'attempt' | 'lease_id'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): IdTokenIssuer {
  const { api, clock, signal } = options;
  const { id, attempt, lease_id } = options.job;
  return {
    async issue(audience) {
      const body = { attempt, lease_id, audience };
      const limits = { fence: signal, callMs: TRY_MS, askMsMax: TRIES_MS, clock };
      const answer = await askAgain((options) => api.idToken(id, body, options), limits);
      const expiresInMs = answer.expires_in_seconds * 1000;
      return { token: new SecretText(answer.token), expiresInMs };
    },
  };
}
