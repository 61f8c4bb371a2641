// Access tokens: signed, short-lived, and worth nothing without the session that they name.
import { isRivetError } from '@rivet/base';
import { type Database, readInstallationRoot } from '@rivet/store';
import { errors, jwtVerify } from 'jose';
import type { SigningKeys } from './signing-keys.ts';

export interface AccessTokens {
  issue(session: { id: string; userId: string }): Promise<{ token: string; seconds: number }>;
  /** The session that a token names; undefined for every token that does not count. */
  verify(token: string): Promise<{ id: string; userId: string } | undefined>;
}

/** Who may read our access tokens: only this API. */
const AUDIENCE = 'rivet-api';
const TTL_SECONDS = 600;
/** What clocks of orchestrators may differ by. */
const TOLERANCE_SECONDS = 10;
const ALGORITHMS = ['EdDSA'];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function createAccessTokens(options: {
  readonly database: Database;
  readonly signingKeys: SigningKeys;
}): AccessTokens {
  const { database, signingKeys } = options;
  let issuer: string | undefined;
  const readIssuer = async (): Promise<string> => {
    issuer ??= `urn:rivet:${(await readInstallationRoot(database)).id}`;
    return issuer;
  };
  return {
    async issue({ id, userId }) {
      const token = await signingKeys.sign(
        { sub: userId, sid: id },
        {
          typ: 'at+jwt',
          issuer: await readIssuer(),
          audience: AUDIENCE,
          ttlSeconds: TTL_SECONDS,
        },
      );
      return { token, seconds: TTL_SECONDS };
    },
    async verify(token) {
      try {
        const { payload } = await jwtVerify(
          token,
          async ({ kid }) => {
            // Nothing else of the header is looked at: no key and no address of one that it brings.
            const key = kid === undefined ? undefined : await signingKeys.find(kid, 'access');
            if (key === undefined) throw new errors.JWKSNoMatchingKey();
            return key.publicKey;
          },
          {
            algorithms: ALGORITHMS,
            issuer: await readIssuer(),
            audience: AUDIENCE,
            typ: 'at+jwt',
            requiredClaims: ['exp', 'iat', 'jti', 'sid', 'sub'],
            maxTokenAge: TTL_SECONDS,
            clockTolerance: TOLERANCE_SECONDS,
          },
        );
        const { sub, sid } = payload;
        const whole = isUuid(sub) && isUuid(sid);
        return whole ? { id: sid, userId: sub } : undefined;
      } catch (error) {
        // What the database cannot tell now is no answer.
        if (isRivetError(error) || !(error instanceof errors.JOSEError)) throw error;
        return undefined;
      }
    },
  };
}

function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}
