// Routes of the keys that sign tokens, and where others find their public halves.
import type { SigningKey } from '@rivet/protocol';
import type { Services } from '../../services.ts';
import type { Call, Handlers } from '../handler.ts';

type Names = 'listSigningKeys' | 'rotateSigningKeys' | 'getJwks' | 'getOpenIdConfiguration';

/** Shorter than the time between the making of a key and its first signature. */
const PUBLISHED_SECONDS = 300;

/** Claims of the tokens of jobs: docs/guide/job-identity.md tells what they say. */
const CLAIMS = ['iss', 'sub', 'aud', 'exp', 'iat', 'nbf', 'jti'];

export function signingKeyRoutes(services: Services): Handlers<Names> {
  const { database, audit, auth, publicUrl } = services;
  const { signingKeys } = auth;
  const list = async (): Promise<{ items: SigningKey[] }> => ({
    items: (await signingKeys.list()).map(({ createdAt, endsAt, ...key }) => ({
      ...key,
      created_at: createdAt.toISOString(),
      ends_at: endsAt?.toISOString() ?? null,
    })),
  });
  return {
    listSigningKeys: list,
    rotateSigningKeys: async (call) => {
      const atOnce = call.body.at_once === true;
      await database.transaction(
        async (tx) => {
          await signingKeys.rotate(tx, { atOnce });
          await audit.record(tx, call.principal, {
            action: 'key.rotate',
            object: { kind: 'installation', id: '', name: '' },
            details: { at_once: atOnce },
          });
        },
        { repeatable: false },
      );
      signingKeys.refresh();
      return list();
    },
    getJwks: async (call) => {
      const published = await signingKeys.publish();
      mayBeKept(call);
      return published;
    },
    getOpenIdConfiguration: async (call) => {
      const issuer = publicUrl();
      mayBeKept(call);
      return {
        issuer,
        jwks_uri: `${issuer}/.well-known/jwks.json`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        scopes_supported: ['openid'],
        claims_supported: CLAIMS,
      };
    },
  };
}

function mayBeKept({ reply }: Call<'getJwks'> | Call<'getOpenIdConfiguration'>): void {
  reply.header('cache-control', `public, max-age=${PUBLISHED_SECONDS}`);
}
