// The resource "auth": signing in and out, one's own account, and the keys that sign tokens.
import { type Static, Type } from 'typebox';
import { roles } from '../states.ts';
import { AccessPermissionSchema } from './access.ts';
import { NullableTimestamp, Timestamp } from './page.ts';
import { Password, UserName } from './users.ts';

/** Of a token that a request brings; it is not shown in the message of a mistake. */
const Token = Type.String({ maxLength: 200, writeOnly: true });

export const Me = Type.Object({
  id: Type.String(),
  name: Type.String(),
  role: Type.Enum(roles),
  /** What one may at least on some object, and with this API key. */
  permissions: Type.Array(AccessPermissionSchema),
  /** Names of the teams that one belongs to, in order. */
  teams: Type.Array(Type.String()),
  via: Type.Enum(['session', 'browser', 'api_key'] as const),
  /** Id of the session or API key that the request came with. */
  via_id: Type.String(),
});
export type Me = Static<typeof Me>;

export const LoginRequest = Type.Object({
  name: Type.String({ maxLength: 100 }),
  password: Password,
  /** Takes the place of a temporary password, which lets one in only together with it. */
  new_password: Type.Optional(Password),
});
export type LoginRequest = Static<typeof LoginRequest>;

/** What a program goes on with. */
export const SessionTokens = Type.Object({
  /** For `Authorization: Bearer`. */
  access_token: Type.String(),
  token_type: Type.Literal('Bearer'),
  /** Seconds that the access token is valid, from the moment the answer was made. */
  expires_in: Type.Integer(),
  /** For `POST /auth/refresh`, once: its answer has the next one. */
  refresh_token: Type.String(),
});
export type SessionTokens = Static<typeof SessionTokens>;

export const RefreshRequest = Type.Object({ refresh_token: Token });

export const LogoutRequest = Type.Object({
  /** Ends all sessions of the user, not only this one. API keys stay. */
  everywhere: Type.Optional(Type.Boolean()),
});

export const SetupRequest = Type.Object({
  /** What the orchestrator printed when it started. */
  token: Token,
  /** Of the first administrator. */
  name: UserName,
  password: Password,
});
export type SetupRequest = Static<typeof SetupRequest>;

export const ChangePasswordRequest = Type.Object({ password: Password, new_password: Password });

/** All sessions have ended; a program gets a new one, a browser signs in again. */
export const ChangePasswordResponse = Type.Object({
  tokens: Type.Union([SessionTokens, Type.Null()]),
});

export const SessionRef = Type.Object({ id: Type.String({ format: 'uuid' }) });

export const Session = Type.Object({
  id: Type.String(),
  kind: Type.Enum(['cli', 'browser'] as const),
  /** Whether the request comes with it. */
  current: Type.Boolean(),
  address: Type.String(),
  user_agent: Type.String(),
  created_at: Timestamp,
  /** To the minute. */
  used_at: Timestamp,
  /** When it ends unless it is used before. */
  expires_at: Timestamp,
});
export type Session = Static<typeof Session>;
export const SessionList = Type.Object({ items: Type.Array(Session) });

/** How one can sign in here, for whoever draws the form. */
export const SignInOptions = Type.Object({
  /** Sign-in elsewhere: how that place is called; null when there is none. */
  oidc: Type.Union([Type.Object({ name: Type.String() }), Type.Null()]),
});
export type SignInOptions = Static<typeof SignInOptions>;

export const OidcStartQuery = Type.Object({
  /** Of a command line: where it waits, `http://127.0.0.1:port/path`. */
  cli_redirect: Type.Optional(Type.String({ maxLength: 200 })),
  /** Comes back with the code, so that the command line knows its own sign-in. */
  cli_state: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{16,128}$' })),
  /** SHA-256, in base64url, of the verifier that the command line shows when it takes its tokens. */
  cli_challenge: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' })),
});
export type OidcStartQuery = Static<typeof OidcStartQuery>;

/** Whatever the provider sends: providers add parameters of their own. */
export const OidcCallbackQuery = Type.Record(
  Type.String({ maxLength: 100 }),
  Type.String({ maxLength: 4096 }),
);

export const OidcExchangeRequest = Type.Object({
  code: Token,
  verifier: Type.String({ pattern: '^[A-Za-z0-9._~-]{43,128}$', writeOnly: true }),
});

export const SigningKey = Type.Object({
  /** `kid` of the tokens that it signs. */
  id: Type.String(),
  /** `access`: tokens for this API; `identity`: tokens with which jobs prove who they are. */
  purpose: Type.Enum(['access', 'identity'] as const),
  algorithm: Type.String(),
  /** `next` is published and signs soon; `verifies` signs no more, its last tokens count still. */
  state: Type.Enum(['next', 'signs', 'verifies'] as const),
  created_at: Timestamp,
  /** When its tokens end to count; null while it has no successor. */
  ends_at: NullableTimestamp,
});
export type SigningKey = Static<typeof SigningKey>;
export const SigningKeyList = Type.Object({ items: Type.Array(SigningKey) });

export const RotateSigningKeysRequest = Type.Object({
  /** For a key that was stolen: its tokens count no more from now on. Sessions stay. */
  at_once: Type.Optional(Type.Boolean()),
});

/** RFC 7517. */
export const Jwks = Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown())) });

/** Of the tokens of jobs: what a cloud asks for to check them. */
export const OpenIdConfiguration = Type.Object({
  issuer: Type.String(),
  jwks_uri: Type.String(),
  response_types_supported: Type.Array(Type.String()),
  subject_types_supported: Type.Array(Type.String()),
  id_token_signing_alg_values_supported: Type.Array(Type.String()),
  scopes_supported: Type.Array(Type.String()),
  claims_supported: Type.Array(Type.String()),
});
