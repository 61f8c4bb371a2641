// Route of job identity, which runners call.
import { RivetError } from '@rivet/base';
import { issueIdToken } from '../../jobs/id-token.ts';
import type { Services } from '../../services.ts';
import type { Handlers } from '../handler.ts';

export function idTokenRoutes(services: Services): Handlers<'issueIdToken'> {
  const { database, audit, auth, publicUrl } = services;
  const identity = { database, audit, signingKeys: auth.signingKeys, issuer: publicUrl };
  return {
    issueIdToken: async ({ params, body, principal }) => {
      if (principal.kind !== 'runner') throw RivetError.of('RIVET_AUTH_INVALID', {});
      return issueIdToken(identity, principal, params.id, body);
    },
  };
}
