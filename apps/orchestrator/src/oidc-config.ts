// Sign-in elsewhere: the settings of the provider of identities and of what its answers mean here.
import { isIP } from 'node:net';
import { choiceSetting, RivetError, SecretText, type SettingsOf, textSetting } from '@rivet/base';
import type { Role } from '@rivet/protocol';

export interface OidcConfig {
  /** As the provider writes itself, without a slash at the end unless it has one there. */
  readonly issuer: string;
  readonly clientId: string;
  /** None: a public client, which PKCE alone holds. */
  readonly clientSecret?: OidcSecret | undefined;
  readonly scopes: string;
  /** What people know it as: on the button and in messages. */
  readonly name: string;
  /** Claims that may give a new user's name, in order. */
  readonly nameClaims: readonly string[];
  /** Role of a user who is new here; undefined: nobody is new. */
  readonly create: Exclude<Role, 'admin'> | undefined;
  /** Domains of verified addresses of mail; none: everybody whom the provider lets in. */
  readonly domains: readonly string[];
  /** From a claim to roles; undefined: roles are given here. */
  readonly roles: { readonly claim: string; readonly of: RoleValues } | undefined;
  /** Claim that lists teams; undefined: teams are made here. */
  readonly teamsClaim: string | undefined;
}

type OidcSecret =
  | { readonly kind: 'value'; readonly text: SecretText }
  | { readonly kind: 'file'; readonly path: string };

/** Values of the claim that make somebody this. */
type RoleValues = Readonly<Record<Role, readonly string[]>>;

export const oidcSettings = {
  RIVET_OIDC_ISSUER: textSetting(''),
  RIVET_OIDC_CLIENT_ID: textSetting(''),
  RIVET_OIDC_CLIENT_SECRET: textSetting(''),
  RIVET_OIDC_CLIENT_SECRET_FILE: textSetting(''),
  RIVET_OIDC_SCOPES: textSetting('openid profile email'),
  RIVET_OIDC_NAME: textSetting(''),
  RIVET_OIDC_NAME_CLAIMS: textSetting('preferred_username,email'),
  RIVET_OIDC_CREATE: choiceSetting('viewer', ['viewer', 'user', 'off']),
  RIVET_OIDC_DOMAINS: textSetting(''),
  RIVET_OIDC_ROLE_CLAIM: textSetting(''),
  RIVET_OIDC_ADMINS: textSetting(''),
  RIVET_OIDC_USERS: textSetting(''),
  RIVET_OIDC_VIEWERS: textSetting(''),
  RIVET_OIDC_TEAM_CLAIM: textSetting(''),
};

type Values = SettingsOf<typeof oidcSettings>;

/**
 * Checks the settings against each other; undefined when there is no sign-in elsewhere.
 * @param publicUrl where the provider sends people back to
 * @throws RIVET_OIDC_CONFIG
 */
export function readOidc(values: Values, publicUrl: string | undefined): OidcConfig | undefined {
  const { RIVET_OIDC_ISSUER: issuer, RIVET_OIDC_CLIENT_ID: clientId } = values;
  if (issuer === '') {
    if (clientId === '') return undefined;
    throw wrong('RIVET_OIDC_CLIENT_ID is set and RIVET_OIDC_ISSUER is not');
  }
  const host = checkIssuer(issuer);
  if (clientId === '') throw wrong('RIVET_OIDC_ISSUER is set and RIVET_OIDC_CLIENT_ID is not');
  if (publicUrl === undefined) {
    throw wrong('RIVET_OIDC_ISSUER is set and RIVET_PUBLIC_URL, to which people come back, is not');
  }
  const scopes = values.RIVET_OIDC_SCOPES;
  if (!scopes.split(' ').includes('openid')) throw wrong('RIVET_OIDC_SCOPES lacks openid');
  return {
    issuer,
    clientId,
    clientSecret: readSecret(values),
    scopes,
    name: values.RIVET_OIDC_NAME === '' ? host : values.RIVET_OIDC_NAME,
    nameClaims: listOf(values.RIVET_OIDC_NAME_CLAIMS),
    create: values.RIVET_OIDC_CREATE === 'off' ? undefined : values.RIVET_OIDC_CREATE,
    domains: listOf(values.RIVET_OIDC_DOMAINS.toLowerCase()),
    roles: readRoles(values),
    teamsClaim: values.RIVET_OIDC_TEAM_CLAIM === '' ? undefined : values.RIVET_OIDC_TEAM_CLAIM,
  };
}

/** Its host. Without TLS anybody on the way could sign in as anybody. */
function checkIssuer(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.search !== '' || url.hash !== '' || url.username !== '') {
    throw wrong(`RIVET_OIDC_ISSUER is ${JSON.stringify(text)}; expected https://host/path`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const loopback =
    host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  if (url.protocol === 'https:' || (url.protocol === 'http:' && loopback)) return url.host;
  throw wrong(`RIVET_OIDC_ISSUER is ${JSON.stringify(text)}; expected https://, as it says who`);
}

function readSecret(values: Values): OidcSecret | undefined {
  const text = values.RIVET_OIDC_CLIENT_SECRET;
  const path = values.RIVET_OIDC_CLIENT_SECRET_FILE;
  if (text !== '' && path !== '') {
    throw wrong('RIVET_OIDC_CLIENT_SECRET and RIVET_OIDC_CLIENT_SECRET_FILE are both set');
  }
  if (path !== '') return { kind: 'file', path };
  return text === '' ? undefined : { kind: 'value', text: new SecretText(text) };
}

function readRoles(values: Values): OidcConfig['roles'] {
  const claim = values.RIVET_OIDC_ROLE_CLAIM;
  const of = {
    admin: listOf(values.RIVET_OIDC_ADMINS),
    user: listOf(values.RIVET_OIDC_USERS),
    viewer: listOf(values.RIVET_OIDC_VIEWERS),
  };
  const any = Object.values(of).some((list) => list.length > 0);
  if (claim !== '' && any) return { claim, of };
  if (claim === '' && !any) return undefined;
  throw wrong(
    claim === ''
      ? 'RIVET_OIDC_ADMINS, _USERS or _VIEWERS is set and RIVET_OIDC_ROLE_CLAIM is not'
      : 'RIVET_OIDC_ROLE_CLAIM is set and none of RIVET_OIDC_ADMINS, _USERS and _VIEWERS is',
  );
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function wrong(reason: string): RivetError {
  return RivetError.of('RIVET_OIDC_CONFIG', { reason });
}
