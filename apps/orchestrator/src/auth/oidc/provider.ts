// The provider of identities: where people are sent to, and what it says about who comes back.
import { readFile } from 'node:fs/promises';
import { describeThrown, type Logger, RivetError } from '@rivet/base';
import * as client from 'openid-client';
import type { OidcConfig } from '../../oidc-config.ts';
import type { Handshake } from './handshake.ts';

/** What the provider says about somebody, checked: signature, issuer, audience, nonce, times. */
export interface Claims {
  readonly sub: string;
  readonly [claim: string]: unknown;
}

export interface Provider {
  readonly config: OidcConfig;
  /**
   * Looks whether the secret of the client can be read; the provider itself may be away.
   * @throws RIVET_OIDC_CONFIG
   */
  prepare(): Promise<void>;
  /**
   * Where to send the browser.
   * @throws RIVET_OIDC_UNREACHABLE
   */
  authorizationUrl(handshake: Handshake, redirectUri: string): Promise<URL>;
  /**
   * Who has come back.
   * @param callback the address with everything that the provider added to it
   * @throws RIVET_OIDC_UNREACHABLE, RIVET_OIDC_FAILED
   */
  claimsOf(handshake: Handshake, callback: URL): Promise<Claims>;
}

const TIMEOUT_SECONDS = 10;
/** What its clock may differ from ours. */
const TOLERANCE_SECONDS = 30;
/** For as long what the provider said about itself is kept. */
const METADATA_MS = 3_600_000;

export function createProvider(config: OidcConfig, logger: Logger): Provider {
  let known: { metadata: Promise<client.Configuration>; atMs: number } | undefined;
  const discover = (): Promise<client.Configuration> => {
    if (known !== undefined && performance.now() - known.atMs < METADATA_MS) return known.metadata;
    const metadata = fetchMetadata(config);
    const entry = { metadata, atMs: performance.now() };
    known = entry;
    // Whoever comes next asks again.
    metadata.catch(() => {
      if (known === entry) known = undefined;
    });
    return metadata;
  };
  const unreachable = (error: unknown): RivetError =>
    RivetError.of(
      'RIVET_OIDC_UNREACHABLE',
      { provider: config.name, reason: reasonOf(error) },
      error,
    );
  return {
    config,
    async prepare() {
      await readSecret(config);
    },
    async authorizationUrl({ state, nonce, codeVerifier }, redirectUri) {
      const metadata = await discover().catch((error: unknown) => {
        throw unreachable(error);
      });
      return client.buildAuthorizationUrl(metadata, {
        redirect_uri: redirectUri,
        scope: config.scopes,
        state,
        nonce,
        code_challenge: await client.calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
      });
    },
    async claimsOf({ state, nonce, codeVerifier }, callback) {
      const metadata = await discover().catch((error: unknown) => {
        throw unreachable(error);
      });
      try {
        const tokens = await client.authorizationCodeGrant(metadata, callback, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: codeVerifier,
          idTokenExpected: true,
        });
        const claims = tokens.claims();
        if (claims === undefined) throw new Error('there is no id token');
        if (metadata.serverMetadata().userinfo_endpoint === undefined) return claims;
        // Many providers tell mail and groups only there; what is signed counts more.
        const more = await client.fetchUserInfo(metadata, tokens.access_token, claims.sub);
        return { ...more, ...claims };
      } catch (error) {
        if (isNetworkError(error)) throw unreachable(error);
        logger.warn({ err: error, issuer: config.issuer }, 'a sign-in elsewhere failed');
        const reason = refusedThere(error) ? 'it was refused there' : 'the answer is not valid';
        throw RivetError.of('RIVET_OIDC_FAILED', { provider: config.name, reason }, error);
      }
    },
  };
}

async function fetchMetadata(config: OidcConfig): Promise<client.Configuration> {
  const { issuer, clientId } = config;
  const secret = await readSecret(config);
  const url = new URL(issuer);
  const metadata = await client.discovery(
    url,
    clientId,
    { [client.clockTolerance]: TOLERANCE_SECONDS },
    secret === undefined ? client.None() : client.ClientSecretBasic(secret),
    {
      timeout: TIMEOUT_SECONDS,
      execute: [
        // Also of an id token that came over TLS.
        client.enableNonRepudiationChecks,
        // Only loopback is let through without TLS: see oidc-config.ts.
        ...(url.protocol === 'http:' ? [client.allowInsecureRequests] : []),
      ],
    },
  );
  metadata.timeout = TIMEOUT_SECONDS;
  return metadata;
}

/** Read anew with the metadata, so that it can be replaced in use. */
async function readSecret({ clientSecret }: OidcConfig): Promise<string | undefined> {
  if (clientSecret === undefined) return undefined;
  if (clientSecret.kind === 'value') return clientSecret.text.reveal();
  const setting = 'RIVET_OIDC_CLIENT_SECRET_FILE';
  const text = await readFile(clientSecret.path, 'utf8').catch((error: unknown) => {
    const reason = `the file of ${setting} cannot be read: ${codeOf(error) ?? describeThrown(error)}`;
    throw RivetError.of('RIVET_OIDC_CONFIG', { reason }, error);
  });
  if (text.trim() !== '') return text.trim();
  throw RivetError.of('RIVET_OIDC_CONFIG', { reason: `the file of ${setting} is empty` });
}

function isNetworkError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'TimeoutError' || error.message === 'fetch failed';
}

function refusedThere(error: unknown): boolean {
  return error instanceof client.AuthorizationResponseError && error.error === 'access_denied';
}

/** Never more than a code, or what the library says: whoever asks need not know the network. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return describeThrown(error);
  return codeOf(error.cause) ?? codeOf(error) ?? describeThrown(error);
}

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
