// Who sends a request: decided once at its head, handed to every handler.
import type { Access } from '../access/access.ts';

/** The request that somebody sent. */
export interface Origin {
  /** Of the client: behind proxies that are trusted, the one that they name. */
  readonly address: string;
  readonly requestId: string;
}

interface Sender {
  /** Set by the HTTP server for each request. */
  readonly from?: Origin;
}

export interface Person extends Sender {
  readonly kind: 'person';
  readonly userId: string;
  /** As others see who did something. */
  readonly name: string;
  readonly access: Access;
  readonly via:
    | { readonly kind: 'session'; readonly sessionId: string; readonly browser: boolean }
    | { readonly kind: 'api_key'; readonly apiKeyId: string };
}

export interface RunnerPrincipal extends Sender {
  readonly kind: 'runner';
  readonly runnerId: string;
  readonly name: string;
}

/** Holder of a token that makes new runners, and nothing else. */
export interface RegistrationPrincipal extends Sender {
  readonly kind: 'registration';
  readonly tokenId: string;
}

export interface Anonymous extends Sender {
  readonly kind: 'anonymous';
}

export type Principal = Person | RunnerPrincipal | RegistrationPrincipal | Anonymous;

export const anonymous: Anonymous = { kind: 'anonymous' };

/** In messages: "ada", "the runner build-1", "nobody". */
export function describePrincipal(principal: Principal): string {
  switch (principal.kind) {
    case 'person':
      return principal.name;
    case 'runner':
      return `the runner ${principal.name}`;
    case 'registration':
      return 'a registration token';
    case 'anonymous':
      return 'nobody who is signed in';
  }
}
