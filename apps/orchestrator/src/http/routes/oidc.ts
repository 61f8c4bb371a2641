// Routes of the sign-in elsewhere: there, back, and the tokens of a command line.
import { timingSafeEqual } from 'node:crypto';
import { isRivetError, RivetError } from '@rivet/base';
import type { OidcStartQuery } from '@rivet/protocol';
import {
  BROWSER_SESSION_SECONDS,
  insertOidcCode,
  insertOidcSignIn,
  lockUser,
  takeOidcCode,
  takeOidcSignIn,
  type UserRow,
  type WaitingCli,
} from '@rivet/store';
import type { FastifyReply } from 'fastify';
import { accountOf } from '../../auth/oidc/account.ts';
import {
  challengeOf,
  type Handshake,
  hasState,
  newHandshake,
  readHandshake,
} from '../../auth/oidc/handshake.ts';
import { readIdentity } from '../../auth/oidc/identity.ts';
import type { Provider } from '../../auth/oidc/provider.ts';
import { hashToken } from '../../auth/token.ts';
import type { Services } from '../../services.ts';
import { makeBrowserToken, setBrowserCookie } from '../browser-cookie.ts';
import type { Call, Handlers } from '../handler.ts';
import { clearOidcCookie, readOidcCookie, setOidcCookie } from '../oidc-cookie.ts';
import { sendProblemPage } from '../pages/serve-pages.ts';
import { requireNoOtherSite } from '../same-origin.ts';
import { clientOf, personOf, presentTokens, userObject } from './auth.ts';

type Names = 'startOidc' | 'finishOidc' | 'exchangeOidcCode';

const SIGN_IN_SECONDS = 600;
const CODE_SECONDS = 60;
const CALLBACK = '/api/auth/oidc/callback';

export function oidcRoutes(services: Services): Handlers<Names> {
  const { database, auth } = services;
  return {
    startOidc: async ({ query, request, reply }) => {
      const provider = requireProvider(services);
      const cli = readCli(query);
      if (cli !== undefined) requireNoOtherSite(request);
      // Whoever starts ends there as a rule; nobody starts hundreds.
      await auth.throttle.failed('oidc', request.ip);
      const handshake = newHandshake();
      const url = await provider.authorizationUrl(handshake, services.publicUrl() + CALLBACK);
      await insertOidcSignIn(database, handshake.hash, cli, SIGN_IN_SECONDS);
      setOidcCookie(reply, handshake.secret, SIGN_IN_SECONDS);
      await redirect(reply, url.href);
      return undefined;
    },
    finishOidc: async (call) => {
      const { request, reply } = call;
      try {
        await finish(services, call);
      } catch (error) {
        const html = request.headers.accept?.includes('text/html') === true;
        if (!html || !isRivetError(error) || error.code === 'RIVET_INTERNAL') throw error;
        await sendProblemPage(request, reply, error);
      }
      return undefined;
    },
    exchangeOidcCode: async (call) => {
      requireProvider(services);
      const user = await userOfCode(services, call);
      const session = await database.transaction(
        async (tx) => {
          const now = await lockUser(tx, user);
          if (now === undefined || now.disabled_at !== null) {
            throw RivetError.of('RIVET_AUTH_INVALID', {});
          }
          const begun = await auth.sessions.begin(tx, now, clientOf(call.request));
          await recordLogin(services, tx, now, begun, call, false);
          return begun;
        },
        { repeatable: false },
      );
      return presentTokens(await auth.sessions.tokensOf(session));
    },
  };
}

async function finish(services: Services, call: Call<'finishOidc'>): Promise<void> {
  const { database, audit, logger } = services;
  const { request, reply } = call;
  const provider = requireProvider(services);
  const handshake = requireHandshake(provider, call);
  const begun = await takeOidcSignIn(database, handshake.hash);
  if (begun === undefined) throw notBegun(provider);
  clearOidcCookie(reply);
  const callback = new URL(request.url, services.publicUrl());
  const identity = readIdentity(provider.config, await provider.claimsOf(handshake, callback));
  const parts = { audit, config: provider.config, logger };
  const { cli } = begun;
  if (cli !== undefined) {
    const code = newHandshake().secret;
    await database.transaction(
      async (tx) => {
        const { id: userId } = await accountOf(tx, parts, identity);
        const { challenge } = cli;
        const row = { hash: hashToken(code), userId, challenge, seconds: CODE_SECONDS };
        await insertOidcCode(tx, row);
      },
      { repeatable: false },
    );
    const back = new URL(cli.redirect);
    back.searchParams.set('code', code);
    back.searchParams.set('state', cli.state);
    return redirect(reply, back.href);
  }
  const cookie = makeBrowserToken();
  await database.transaction(
    async (tx) => {
      const user = await accountOf(tx, parts, identity);
      const { sessions } = services.auth;
      const session = await sessions.beginBrowser(tx, user, cookie.hash, clientOf(request));
      await recordLogin(services, tx, user, session, call, true);
    },
    { repeatable: false },
  );
  setBrowserCookie(reply, cookie.value, BROWSER_SESSION_SECONDS);
  return redirect(reply, '/');
}

async function recordLogin(
  { audit, oidc }: Services,
  tx: Parameters<typeof audit.record>[0],
  user: UserRow,
  session: { id: string },
  { request }: Pick<Call<'finishOidc'>, 'request'>,
  browser: boolean,
): Promise<void> {
  await audit.record(tx, personOf(user, session, request, browser), {
    action: 'auth.login',
    object: userObject(user),
    details: { issuer: oidc?.config.issuer },
  });
}

/** Id of the user whose sign-in the code is. */
async function userOfCode(
  { database, auth }: Services,
  { body, request }: Call<'exchangeOidcCode'>,
): Promise<string> {
  const code = await takeOidcCode(database, hashToken(body.code));
  const challenge = Buffer.from(challengeOf(body.verifier));
  if (code !== undefined && timingSafeEqual(Buffer.from(code.challenge), challenge)) {
    return code.userId;
  }
  await auth.throttle.failed('oidc', request.ip);
  throw RivetError.of('RIVET_AUTH_INVALID', {});
}

/** @throws RIVET_OIDC_OFF */
function requireProvider({ oidc }: Services): Provider {
  if (oidc === undefined) throw RivetError.of('RIVET_OIDC_OFF', {});
  return oidc;
}

/** Of this browser, and of the sign-in that the provider answers to. */
function requireHandshake(provider: Provider, { query, request }: Call<'finishOidc'>): Handshake {
  const handshake = readHandshake(readOidcCookie(request));
  if (handshake === undefined || !hasState(handshake, query.state)) throw notBegun(provider);
  return handshake;
}

function notBegun({ config }: Provider): RivetError {
  const reason = 'it was not begun in this browser, is too long ago, or was used';
  return RivetError.of('RIVET_OIDC_FAILED', { provider: config.name, reason });
}

/**
 * Only to the machine that asks: to any other address the code would be given away.
 * @throws RIVET_OIDC_REDIRECT, RIVET_REQUEST_INVALID
 */
function readCli(query: OidcStartQuery): WaitingCli | undefined {
  const { cli_redirect: redirect, cli_state: state, cli_challenge: challenge } = query;
  if (redirect === undefined && state === undefined && challenge === undefined) return undefined;
  if (redirect === undefined || state === undefined || challenge === undefined) {
    const summary = 'cli_redirect, cli_state and cli_challenge go together';
    throw RivetError.of('RIVET_REQUEST_INVALID', { summary });
  }
  if (!/^http:\/\/(127\.0\.0\.1|\[::1\]):\d{1,5}\/[A-Za-z0-9/_-]*$/.test(redirect)) {
    throw RivetError.of('RIVET_OIDC_REDIRECT', { found: JSON.stringify(redirect) });
  }
  return { redirect, state, challenge };
}

async function redirect(reply: FastifyReply, location: string): Promise<void> {
  await reply.status(303).header('location', location).header('cache-control', 'no-store').send();
}
