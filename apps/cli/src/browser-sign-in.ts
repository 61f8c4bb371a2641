// Signs in at the provider of an installation, in the browser: waits on loopback for the code, and
// takes the tokens for it with a verifier that never left this process.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RivetError, withDeadline } from '@rivet/base';
import { startProcess } from '@rivet/processes';
import { type Client, routePath, routes, type SessionTokens } from '@rivet/protocol';
import type { CommandContext } from './command.ts';

const HOST = '127.0.0.1';
const PATH = '/signed-in';
/** People look for their second factor. */
const WAIT_MS_MAX = 5 * 60_000;

/**
 * Opens the browser, or says which address to open, and waits until somebody has signed in there.
 * @throws RIVET_OIDC_OFF, RIVET_CLI_BROWSER_REFUSED, RIVET_TIMEOUT, RIVET_INTERRUPTED
 */
export async function signInByBrowser(
  client: Client,
  url: string,
  context: CommandContext,
  options: { readonly noBrowser: boolean },
): Promise<SessionTokens> {
  const { interrupt, output, env } = context;
  const { signal } = interrupt;
  const { oidc } = await client.getSignInOptions({ signal });
  if (oidc === null) throw RivetError.of('RIVET_OIDC_OFF', {});
  const state = randomText();
  const verifier = randomText();
  const waiting = await waitForCode(state);
  try {
    const query = new URLSearchParams({
      cli_redirect: waiting.address,
      cli_state: state,
      cli_challenge: createHash('sha256').update(verifier).digest('base64url'),
    });
    const address = `${url}${routePath(routes.startOidc)}?${query}`;
    output.note(`Sign in at ${oidc.name} in your browser:\n  ${address}`);
    if (!options.noBrowser) openBrowser(address, env);
    const interrupted = once(signal, 'abort').then(() => signal.throwIfAborted());
    signal.throwIfAborted();
    const code = await withDeadline(Promise.race([waiting.code, interrupted]), WAIT_MS_MAX, () =>
      RivetError.of('RIVET_TIMEOUT', { what: 'the sign-in in the browser', limit: '5 minutes' }),
    );
    return await client.exchangeOidcCode({ body: { code: code ?? '', verifier }, signal });
  } finally {
    waiting.close();
  }
}

interface WaitingForCode {
  /** Where the browser is to come back to. */
  readonly address: string;
  readonly code: Promise<string>;
  close(): void;
}

/** Listens for the browser; only an answer with our `state` counts, whoever else connects. */
async function waitForCode(state: string): Promise<WaitingForCode> {
  let settle: (code: string) => void = () => undefined;
  let refuse: (error: RivetError) => void = () => undefined;
  const code = new Promise<string>((resolve, reject) => {
    settle = resolve;
    refuse = reject;
  });
  code.catch(() => undefined);
  const server = createServer((request, response) => {
    const answer = readAnswer(request, `${HOST}:${portOf()}`, state);
    if (answer === undefined) {
      answerPage(response, 404, 'This is not the sign-in that rivet waits for.');
    } else if ('code' in answer) {
      answerPage(response, 200, 'You are signed in. You can close this window.');
      settle(answer.code);
    } else {
      answerPage(response, 200, 'The sign-in did not work: your terminal says why.');
      refuse(RivetError.of('RIVET_CLI_BROWSER_REFUSED', { reason: answer.error }));
    }
  });
  const portOf = (): number => (server.address() as AddressInfo).port;
  server.listen(0, HOST);
  await once(server, 'listening');
  return {
    address: `http://${HOST}:${portOf()}${PATH}`,
    code,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** What the server sent the browser back with; undefined when it is no such answer. */
function readAnswer(
  request: IncomingMessage,
  host: string,
  state: string,
): { code: string } | { error: string } | undefined {
  // Another name that leads here would be a page somewhere that tries its luck.
  if (request.method !== 'GET' || request.headers.host !== host) return undefined;
  const url = new URL(request.url ?? '/', `http://${host}`);
  if (url.pathname !== PATH || !isSame(url.searchParams.get('state') ?? '', state))
    return undefined;
  const code = url.searchParams.get('code');
  if (code !== null) return { code };
  return { error: (url.searchParams.get('error') ?? 'no code came back').slice(0, 200) };
}

function answerPage(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // What stands in the address does not go to where one goes next.
    'referrer-policy': 'no-referrer',
    connection: 'close',
  });
  response.end(`${text}\n`);
}

/** Nothing is said when there is none: the address stands in the terminal. */
function openBrowser(address: string, { RIVET_TOKEN: _, ...env }: CommandContext['env']): void {
  const [given = ''] = (env.BROWSER ?? '').split(':');
  const file = given === '' ? 'xdg-open' : given;
  const silent = { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' } as const;
  startProcess({ file, args: [address], env, ...silent, group: true });
}

function isSame(a: string, b: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}

/** 256 bits. */
function randomText(): string {
  return randomBytes(32).toString('base64url');
}
