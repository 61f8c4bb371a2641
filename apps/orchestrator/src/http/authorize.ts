// The first thing that is done with a request: who sends it, and whether such a caller may call.
import type { Permission } from '@rivet/protocol';
import type { FastifyRequest } from 'fastify';
import { guard } from '../access/guard.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import type { Origin } from '../auth/principal.ts';

/**
 * Puts the caller into `request.principal`. Before the body is read: who may not call gives us
 * nothing to hold.
 * @throws RIVET_AUTH_REQUIRED, RIVET_AUTH_INVALID, RIVET_ACCESS_DENIED, RIVET_WEB_CROSS_SITE
 */
export async function authorize(
  authenticator: Authenticator,
  permission: Permission,
  request: FastifyRequest,
): Promise<void> {
  if (permission === 'public') return;
  const principal = await authenticator.authenticate(request);
  request.principal = { ...principal, from: originOf(request) };
  guard(permission, request.principal);
}

export function originOf(request: FastifyRequest): Origin {
  return { address: request.ip, requestId: request.id };
}
