// Identity tokens of one attempt: for declared audiences, hidden like secrets, kept while fresh.
import { didYouMean, RivetError, type SecretText } from '@rivet/base';
import type { PipelineDefinition } from '@rivet/protocol';
import type { Clock } from '../clock.ts';
import type { JobSecrets } from '../secrets/job-secrets.ts';
import type { IdTokenIssuer } from './id-token-issuer.ts';

export interface JobIdentity {
  /**
   * A token for an audience, with at least half of its life before it; it is redacted from now on.
   * @param caller the function that is named in errors
   * @throws RIVET_ID_TOKEN_UNDECLARED, RIVET_ID_TOKEN_UNAVAILABLE, RIVET_SECRET_TOO_LARGE, and what
   *   the issuer raises
   */
  token(audience: string, caller: string): Promise<SecretText>;
}

interface Kept {
  readonly secret: SecretText;
  readonly freshUntilMs: number;
}

/** @param options.issuer undefined where no server runs the job */
export function createJobIdentity(options: {
  readonly definition: Pick<PipelineDefinition, 'id_tokens'>;
  readonly issuer: IdTokenIssuer | undefined;
  readonly secrets: Pick<JobSecrets, 'adopt'>;
  readonly clock: Clock;
}): JobIdentity {
  const { issuer, secrets, clock } = options;
  const declared = options.definition.id_tokens ?? [];
  const kept = new Map<string, Promise<Kept>>();

  const issue = async (audience: string, by: IdTokenIssuer): Promise<Kept> => {
    const askedAtMs = clock.now();
    const { token, expiresInMs } = await by.issue(audience);
    const secret = secrets.adopt(`the identity token for ${audience}`, token);
    return { secret, freshUntilMs: askedAtMs + expiresInMs / 2 };
  };
  return {
    async token(audience, caller) {
      if (!declared.includes(audience)) {
        const nearest = didYouMean(audience, declared);
        throw RivetError.of('RIVET_ID_TOKEN_UNDECLARED', { audience, nearest });
      }
      if (issuer === undefined) {
        throw RivetError.of('RIVET_ID_TOKEN_UNAVAILABLE', { function: caller });
      }
      const before = await kept.get(audience);
      if (before !== undefined && before.freshUntilMs > clock.now()) return before.secret;
      const answer = issue(audience, issuer);
      kept.set(audience, answer);
      // One that could not be had may be asked for again.
      answer.catch(() => kept.delete(audience));
      return (await answer).secret;
    },
  };
}
