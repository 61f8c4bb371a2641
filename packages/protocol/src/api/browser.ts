// The resource "browser": sessions that a browser holds in a cookie.
import { type Static, Type } from 'typebox';

export const BrowserSignInResponse = Type.Object({
  name: Type.String(),
  /** Until when the session can last at most, in seconds from now. */
  expires_in: Type.Integer(),
});
export type BrowserSignInResponse = Static<typeof BrowserSignInResponse>;
