// Who signs the identity tokens of jobs: the contract that a runner fulfils.
import type { SecretText } from '@rivet/base';

export interface IdToken {
  /** A JWT. */
  readonly token: SecretText;
  /** From the moment it was given, in milliseconds. */
  readonly expiresInMs: number;
}

/** Asked for declared audiences only. Each answer is a token of its own. */
export interface IdTokenIssuer {
  /** @throws what says why there is none */
  issue(audience: string): Promise<IdToken>;
}
