// The first thing that is done with a request: who sends it, and whether such a caller may call.
import type { Permission } from '@rivet/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
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

/** For so long after its head nobody has to ask again who sent a request. */
const FRESH_MS = 1000;

/**
 * Asks again when the body took its time: whoever lost a right meanwhile, or was signed out, would
 * otherwise use it up to a minute later. Runners are held by their lease, where it matters.
 * @throws RIVET_AUTH_INVALID, RIVET_ACCESS_DENIED, RIVET_WEB_CROSS_SITE
 */
export async function authorizeAgain(
  authenticator: Authenticator,
  permission: Permission,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  if (request.principal.kind !== 'person' || reply.elapsedTime < FRESH_MS) return;
  await authorize(authenticator, permission, request);
}

export function originOf(request: FastifyRequest): Origin {
  return { address: request.ip, requestId: request.id };
}
