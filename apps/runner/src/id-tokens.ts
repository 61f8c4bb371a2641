// Identity tokens for a job on this runner: the server signs them for whoever holds the lease.
import { backoffMs, SecretText, sleep, toRivetError } from '@rivet/base';
import type { IdTokenIssuer } from '@rivet/engine';
import type { ClaimedJob } from '@rivet/protocol';
import type { Clock } from './clock.ts';
import { mayRepeat } from './server-answer.ts';
import type { ServerApi } from './server-api.ts';

const TRY_MS = 10_000;
const TRIES_MS = 60_000;
const BACKOFF = { baseMs: 500, maxMs: 5000 };

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
      const giveUpAt = clock() + TRIES_MS;
      for (let failed = 1; ; failed += 1) {
        try {
          const limits = { timeoutMs: TRY_MS, signal };
          const answer = await api.idToken(id, { attempt, lease_id, audience }, limits);
          const expiresInMs = answer.expires_in_seconds * 1000;
          return { token: new SecretText(answer.token), expiresInMs };
        } catch (thrown) {
          const error = toRivetError(thrown);
          const pauseMs = backoffMs(failed, BACKOFF);
          if (signal.aborted || !mayRepeat(error) || clock() + pauseMs > giveUpAt) throw error;
          await sleep(pauseMs, signal);
        }
      }
    },
  };
}
