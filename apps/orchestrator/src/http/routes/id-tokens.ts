// Route of job identity, which runners call.
import { RivetError } from '@rivet/base';
import { type IdTokenServices, issueIdToken } from '../../jobs/id-token.ts';
import type { Handlers } from '../handler.ts';

export function idTokenRoutes(services: IdTokenServices): Handlers<'issueIdToken'> {
  return {
    issueIdToken: (call) => {
      const { params, body, principal } = call;
      if (principal.kind !== 'runner') throw RivetError.of('RIVET_AUTH_INVALID', {});
      return issueIdToken(services, principal, call, params.id, body);
    },
  };
}
