// For tests: a real provider of identities in this process, and a browser that signs in there.
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SecretText } from '@rivet/base';
// @ts-expect-error The package has no types.
import { Provider as UntypedProvider } from 'oidc-provider';
import type { OidcConfig } from '../../oidc-config.ts';

/** As much of it as a test needs. */
interface RealProvider {
  readonly Client: { readonly prototype: { redirectUriAllowed(uri: string): boolean } };
  callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
}
const Provider = UntypedProvider as new (issuer: string, configuration: object) => RealProvider;

/** Claims of an account at the provider, by its subject. */
type Accounts = Map<string, Readonly<Record<string, unknown>>>;

export interface TestProvider {
  readonly issuer: string;
  readonly accounts: Accounts;
  /** The settings with which an orchestrator uses it. */
  config(changes?: Partial<OidcConfig>): OidcConfig;
  /** Allows the address to which an orchestrator has people sent back. */
  allowRedirect(uri: string): void;
  close(): Promise<void>;
}

const CLIENT_ID = 'rivet';
const CLIENT_SECRET = 'a secret of the client of this test';

export async function startTestProvider(): Promise<TestProvider> {
  const accounts: Accounts = new Map();
  const redirects: string[] = [];
  let handle: ReturnType<RealProvider['callback']> | undefined;
  const server: Server = createServer((request, response) => void handle?.(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const configuration = {
    clients: [
      { client_id: CLIENT_ID, client_secret: CLIENT_SECRET, redirect_uris: ['http://127.0.0.1/'] },
    ],
    claims: {
      profile: ['preferred_username', 'name'],
      email: ['email', 'email_verified'],
      openid: ['sub', 'groups', 'realm_access'],
    },
    cookies: { keys: ['of this test'] },
    pkce: { required: () => true },
    jwks: { keys: [signingKey()] },
    // Given, as it prints a notice for each that is not.
    ttl: { AccessToken: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    features: { devInteractions: { enabled: true } },
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, ...accounts.get(id) }),
    }),
  };
  const provider = new Provider(issuer, configuration);
  // Redirect addresses are known only once the orchestrators listen.
  provider.Client.prototype.redirectUriAllowed = (uri) => redirects.includes(uri);
  handle = provider.callback();
  return {
    issuer,
    accounts,
    config: (changes = {}) => ({
      issuer,
      clientId: CLIENT_ID,
      clientSecret: { kind: 'value', text: new SecretText(CLIENT_SECRET) },
      scopes: 'openid profile email',
      name: 'Example ID',
      nameClaims: ['preferred_username', 'email'],
      create: 'viewer',
      domains: [],
      roles: undefined,
      teamsClaim: undefined,
      ...changes,
    }),
    allowRedirect: (uri) => void redirects.push(uri),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function signingKey(): object {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' };
}

/** A browser: cookies by host and port, redirects followed one at a time. */
export class TestBrowser {
  readonly #cookies = new Map<string, Map<string, string>>();

  cookiesOf(url: string): Map<string, string> {
    const { host } = new URL(url);
    const cookies = this.#cookies.get(host) ?? new Map<string, string>();
    this.#cookies.set(host, cookies);
    return cookies;
  }

  /** Sends one request and keeps the cookies of its answer. */
  async open(url: string, form?: Record<string, string>): Promise<Response> {
    const cookies = this.cookiesOf(url);
    const response = await fetch(url, {
      redirect: 'manual',
      headers: {
        accept: 'text/html',
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(form && { method: 'POST', body: new URLSearchParams(form).toString() }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '' || /max-age=0/i.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  }

  /**
   * Begins at `url`, signs in as `subject` wherever the provider asks, and stops before the address
   * that begins with `until`.
   * @returns that address
   */
  async signIn(url: string, subject: string, until: string): Promise<string> {
    let response = await this.open(url);
    let at = url;
    for (let step = 0; step < 20; step += 1) {
      const location = response.headers.get('location');
      if (location !== null) {
        at = new URL(location, at).href;
        if (at.startsWith(until)) return at;
        response = await this.open(at);
        continue;
      }
      const page = await response.text();
      const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1];
      const prompt = /name="prompt" value="([^"]+)"/.exec(page)?.[1];
      if (action === undefined || prompt === undefined) {
        throw new Error(`${response.status} at ${at}: ${page.slice(0, 500)}`);
      }
      at = new URL(action, at).href;
      response = await this.open(at, { prompt, login: subject, password: 'any' });
    }
    throw new Error(`no end at ${at}`);
  }
}
