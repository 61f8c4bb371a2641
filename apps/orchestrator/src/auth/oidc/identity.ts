// What the claims of a provider mean here: who it is, which name, role and teams.
import { RivetError } from '@rivet/base';
import type { Role } from '@rivet/protocol';
import type { OidcConfig } from '../../oidc-config.ts';
import type { Claims } from './provider.ts';

export interface Identity {
  readonly issuer: string;
  /** With the issuer it says who somebody is; nothing else does. */
  readonly subject: string;
  /** Names that a new user could have here, the best first. */
  readonly names: readonly string[];
  /** Undefined: not said by the provider. */
  readonly role: Role | undefined;
  /** Undefined: not said by the provider. */
  readonly teams: readonly string[] | undefined;
}

const NAME = /^[a-z0-9][a-z0-9._@+-]{0,99}$/;
const SUBJECT_LENGTH_MAX = 255;
/** The most first. */
const roleOrder: readonly Role[] = ['admin', 'user', 'viewer'];

/**
 * Reads the claims.
 * @throws RIVET_OIDC_NOT_ALLOWED when such an account may not sign in here
 */
export function readIdentity(config: OidcConfig, claims: Claims): Identity {
  const refuse = (reason: string): RivetError =>
    RivetError.of('RIVET_OIDC_NOT_ALLOWED', { provider: config.name, reason });
  if (claims.sub === '' || claims.sub.length > SUBJECT_LENGTH_MAX) {
    throw refuse('its subject is empty or too long');
  }
  checkDomain(config, claims, refuse);
  return {
    issuer: config.issuer,
    subject: claims.sub,
    names: config.nameClaims.map((claim) => nameFrom(claim, claims)).filter(isName),
    role: config.roles && roleFrom(config, config.roles, claims, refuse),
    teams:
      config.teamsClaim === undefined ? undefined : textsOf(claimOf(claims, config.teamsClaim)),
  };
}

/** Whoever can write any address into an account must not get in by it. */
function checkDomain(
  { domains }: OidcConfig,
  { email, email_verified: verified }: Claims,
  refuse: (reason: string) => RivetError,
): void {
  if (domains.length === 0) return;
  if (typeof email !== 'string') throw refuse('the provider tells no address of mail');
  if (verified !== true) throw refuse('its address of mail is not verified');
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
  if (!domains.includes(domain)) throw refuse('its domain is not one of those that are allowed');
}

/** An address of mail names nobody unless it is verified. */
function nameFrom(claim: string, claims: Claims): string | undefined {
  const value = claimOf(claims, claim);
  if (typeof value !== 'string') return undefined;
  if (claim === 'email' && claims.email_verified !== true) return undefined;
  return value.toLowerCase();
}

function isName(name: string | undefined): name is string {
  return name !== undefined && NAME.test(name);
}

function roleFrom(
  { create }: OidcConfig,
  { claim, of }: NonNullable<OidcConfig['roles']>,
  claims: Claims,
  refuse: (reason: string) => RivetError,
): Role {
  const values = textsOf(claimOf(claims, claim));
  const role = roleOrder.find((each) => of[each].some((value) => values.includes(value)));
  if (role !== undefined) return role;
  if (create !== undefined) return create;
  throw refuse('it has none of the groups that may sign in');
}

/** A claim by its name, or by a path such as `realm_access.roles`. */
function claimOf(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  return path.split('.').reduce<unknown>((value, step) => {
    const inside = typeof value === 'object' && value !== null && Object.hasOwn(value, step);
    return inside ? (value as Record<string, unknown>)[step] : undefined;
  }, claims);
}

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is string => typeof item === 'string');
}
