// Everything that signing in is made of, put together.
import { createService, type Service } from '@rivet/base';
import type { Database } from '@rivet/store';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Sealer } from '../sealing/sealer.ts';
import { type AccessTokens, createAccessTokens } from './access-tokens.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { createSigningKeys, type SigningKeys } from './signing-keys.ts';
import { createThrottle, type Throttle } from './throttle.ts';

export interface AuthParts {
  readonly database: Database;
  readonly audit: AuditLog;
  readonly passwords: Passwords;
  readonly throttle: Throttle;
  readonly signingKeys: SigningKeys;
  readonly accessTokens: AccessTokens;
  readonly sessions: Sessions;
}

export function createAuthParts(options: {
  readonly database: Database;
  readonly sealer: Sealer;
  readonly audit: AuditLog;
}): AuthParts {
  const { database, sealer, audit } = options;
  const throttle = createThrottle(database);
  const signingKeys = createSigningKeys({ database, sealer });
  const accessTokens = createAccessTokens({ database, signingKeys });
  return {
    database,
    audit,
    passwords: createPasswords(),
    throttle,
    signingKeys,
    accessTokens,
    sessions: createSessions({ database, accessTokens, throttle, audit }),
  };
}

/** Makes the first signing key before the first request comes. */
export function signingKeysService({ signingKeys }: AuthParts): Service {
  return createService('signing keys', {
    start: () => signingKeys.prepare(),
    async stop() {},
  });
}
