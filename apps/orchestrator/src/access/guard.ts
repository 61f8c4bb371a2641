// Refuses a request before its handler, by what the route table says about its caller.
import { RivetError } from '@rivet/base';
import {
  administrationPermissions,
  type ObjectPermission,
  type Permission,
  pipelinePermissions,
  type Route,
  type RouteName,
  routes,
  secretPermissions,
} from '@rivet/protocol';
import { describePrincipal, type Person, type Principal } from '../auth/principal.ts';

const known: readonly string[] = [
  ...['public', 'signed-in', 'runner', 'registration'],
  ...pipelinePermissions,
  ...secretPermissions,
  ...administrationPermissions,
];

/**
 * Who may call a route. Asked for at the start: a server with a route that does not say it does not
 * start.
 * @throws RIVET_INTERNAL
 */
export function permissionOf(name: RouteName): Permission {
  const { permission }: Route = routes[name];
  if (known.includes(permission)) return permission;
  const reason = `the route ${name} has ${permission ?? 'nothing'} as its permission`;
  throw RivetError.of('RIVET_INTERNAL', { reason });
}

/**
 * Passes when such a caller may call such a route at all.
 * @throws RIVET_AUTH_REQUIRED, RIVET_AUTH_INVALID, RIVET_ACCESS_DENIED
 */
export function guard(permission: Permission, principal: Principal): void {
  if (permission === 'public') return;
  if (principal.kind === 'anonymous') throw RivetError.of('RIVET_AUTH_REQUIRED', {});
  switch (permission) {
    case 'runner':
    case 'registration':
      // A token of another kind is no better than a wrong one, and is told nothing more.
      if (principal.kind !== permission) throw RivetError.of('RIVET_AUTH_INVALID', {});
      return;
    default:
  }
  if (principal.kind !== 'person') throw RivetError.of('RIVET_AUTH_INVALID', {});
  if (permission === 'signed-in' || principal.access.may(permission)) return;
  throw denied(principal, permission);
}

/**
 * For an object that the person sees: passes when they may do that to it.
 * @throws RIVET_ACCESS_DENIED
 */
export function requireOn(
  person: Person,
  permission: ObjectPermission,
  object: { kind: 'pipeline' | 'secret'; name: string },
): void {
  if (person.access.mayOn(permission, object.name)) return;
  throw denied(person, permission, ` on the ${object.kind} ${object.name}`);
}

/**
 * For what has no name yet: passes when the person may do that to some object.
 * @throws RIVET_ACCESS_DENIED
 */
export function requireSomewhere(person: Person, permission: ObjectPermission): void {
  if (!person.access.maySomewhere(permission)) throw denied(person, permission);
}

/** The person of a call whose route is only for people. */
export function personOf(principal: Principal): Person {
  if (principal.kind === 'person') return principal;
  throw RivetError.of('RIVET_AUTH_INVALID', {});
}

/** The refusal of somebody who is known. */
export function denied(person: Person, permission: Permission, object = ''): RivetError {
  return RivetError.of('RIVET_ACCESS_DENIED', {
    who: describePrincipal(person),
    permission,
    object,
  });
}
