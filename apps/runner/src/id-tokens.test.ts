// Asking the server for identity tokens: again while it cannot be reached, and no longer than that.
import { RivetError } from '@rivet/base';
import type { IdTokenRequest, IdTokenResponse } from '@rivet/protocol';
import { describe, expect, it } from 'vitest';
import { serverIdTokens } from './id-tokens.ts';

const job = { id: '01980000-0000-7000-8000-000000000001', attempt: 2, lease_id: 'l-1' };
const unreachable = RivetError.of('RIVET_SERVER_UNREACHABLE', { url: 'http://x', reason: 'x' });

/** Answers with these in turn, and notes what was asked. */
function issuer(answers: readonly (IdTokenResponse | Error)[], signal?: AbortSignal) {
  const asked: [string, IdTokenRequest][] = [];
  let nowMs = 0;
  const idTokens = serverIdTokens({
    api: {
      async idToken(id, body) {
        asked.push([id, body]);
        // Each try takes a while, so that a minute passes in few of them.
        nowMs += 20_000;
        const answer = answers[Math.min(asked.length, answers.length) - 1];
        if (answer === undefined || answer instanceof Error) throw answer;
        return answer;
      },
    },
    job,
    clock: () => nowMs,
    signal: signal ?? new AbortController().signal,
  });
  return { asked, idTokens };
}

describe('an identity token from the server', () => {
  it('is asked for with the lease of the job', async () => {
    const { asked, idTokens } = issuer([{ token: 'a.b.c', expires_in_seconds: 600 }]);
    const { token, expiresInMs } = await idTokens.issue('aud');
    expect([token.reveal(), expiresInMs]).toEqual(['a.b.c', 600_000]);
    expect(asked).toEqual([[job.id, { attempt: 2, lease_id: 'l-1', audience: 'aud' }]]);
  });

  it('is asked for again while the server cannot be reached', async () => {
    const { asked, idTokens } = issuer([unreachable, { token: 'a.b.c', expires_in_seconds: 600 }]);
    expect((await idTokens.issue('aud')).token.reveal()).toBe('a.b.c');
    expect(asked).toHaveLength(2);
  });

  it('is given up after a minute', async () => {
    const { asked, idTokens } = issuer([unreachable]);
    await expect(idTokens.issue('aud')).rejects.toMatchObject({ code: unreachable.code });
    expect(asked.length).toBeGreaterThan(1);
    expect(asked.length).toBeLessThan(5);
  });

  it.each([
    RivetError.of('RIVET_ID_TOKEN_UNDECLARED', { audience: 'aud', nearest: '' }),
    RivetError.of('RIVET_LEASE_LOST', { id: job.id, attempt: 2, why: 'it ended' }),
  ])('is not asked for again after $code', async (refusal) => {
    const { asked, idTokens } = issuer([refusal]);
    await expect(idTokens.issue('aud')).rejects.toBe(refusal);
    expect(asked).toHaveLength(1);
  });

  it('is not asked for again once the attempt is over', async () => {
    const over = AbortSignal.abort(new Error('over'));
    const { asked, idTokens } = issuer([unreachable], over);
    await expect(idTokens.issue('aud')).rejects.toBe(unreachable);
    expect(asked).toHaveLength(1);
  });
});
