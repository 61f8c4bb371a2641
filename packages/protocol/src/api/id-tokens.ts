// What a runner asks to prove a job's identity to somebody else: a signed token for one audience.
import { type Static, Type } from 'typebox';
import { count } from '../bounds.ts';

export const AUDIENCE_LENGTH_MAX = 200;
/** Who a token is for, as the receiver wants it: printable ASCII without blanks. */
export const AUDIENCE_PATTERN = /^[!-~]+$/;

export const IdTokenRequest = Type.Object({
  attempt: count(1),
  lease_id: Type.String({ maxLength: 100 }),
  audience: Type.String({
    minLength: 1,
    maxLength: AUDIENCE_LENGTH_MAX,
    pattern: AUDIENCE_PATTERN.source,
  }),
});
export type IdTokenRequest = Static<typeof IdTokenRequest>;

export const IdTokenResponse = Type.Object({
  /** A JWT; its issuer's `/.well-known/openid-configuration` says how to verify it. */
  token: Type.String(),
  expires_in_seconds: Type.Integer(),
});
export type IdTokenResponse = Static<typeof IdTokenResponse>;
