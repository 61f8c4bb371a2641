// For tests: the part of HashiCorp Vault's HTTP API that Rivet uses, as its documentation has it.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An answer that is not what Vault would say otherwise: a fault. */
export interface VaultFault {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Nothing comes at all. */
  readonly silent?: true;
}

export interface FakeVault {
  readonly address: string;
  /** `METHOD path` of each request, with its namespace and token. */
  readonly requests: { line: string; namespace: string | undefined; token: string | undefined }[];
  /** Data by `mount/path`, in versions; null: deleted. */
  readonly secrets: Map<string, Record<string, unknown> | null>;
  /** Tokens that are valid now. */
  readonly tokens: Set<string>;
  /** The role that may sign in. */
  readonly role: { id: string; secret: string; leaseSeconds: number };
  /** Taken by the next requests, one each. */
  readonly faults: VaultFault[];
  close(): Promise<void>;
}

/** Starts it on a free port of this machine. */
export async function startFakeVault(): Promise<FakeVault> {
  const requests: FakeVault['requests'] = [];
  const secrets: FakeVault['secrets'] = new Map();
  const tokens = new Set<string>();
  const role = { id: randomUUID(), secret: randomUUID(), leaseSeconds: 3600 };
  const faults: VaultFault[] = [];
  const header = (request: IncomingMessage, name: string): string | undefined =>
    request.headers[name]?.toString();

  const answer = (request: IncomingMessage, body: string): VaultFault => {
    const path = decodeURIComponent(request.url ?? '');
    if (request.method === 'POST' && path === '/v1/auth/approle/login') {
      const { role_id, secret_id } = JSON.parse(body) as Record<string, string>;
      if (role_id !== role.id || secret_id !== role.secret) {
        return problem(400, 'invalid role or secret ID');
      }
      const token = `hvs.${randomUUID()}`;
      tokens.add(token);
      return json({
        request_id: randomUUID(),
        auth: { client_token: token, lease_duration: role.leaseSeconds, renewable: true },
      });
    }
    if (!tokens.has(header(request, 'x-vault-token') ?? ''))
      return problem(403, 'permission denied');
    const [, mount, rest] = /^\/v1\/(.+?)\/data\/(.+)$/.exec(path) ?? [];
    if (mount === 'v1kv') return json({ data: { field: 'of version 1' } });
    if (mount === 'forbidden') return problem(403, '1 error occurred: permission denied');
    const data = secrets.get(`${mount}/${rest}`);
    if (data === undefined) return { status: 404, body: '{"errors":[]}' };
    const deleted = data === null;
    const metadata = {
      created_time: '2026-01-01T00:00:00Z',
      deletion_time: deleted ? '2026-01-02T00:00:00Z' : '',
      destroyed: false,
      version: 1,
    };
    const body404 = JSON.stringify({ data: { data: null, metadata } });
    return deleted ? { status: 404, body: body404 } : json({ data: { data, metadata } });
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      requests.push({
        line: `${request.method} ${request.url}`,
        namespace: header(request, 'x-vault-namespace'),
        token: header(request, 'x-vault-token'),
      });
      const fault = faults.shift();
      if (fault?.silent === true) return;
      const {
        status,
        body = '',
        headers,
      } = fault ?? answer(request, Buffer.concat(chunks).toString());
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    requests,
    secrets,
    tokens,
    role,
    faults,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function json(value: unknown): VaultFault {
  return { status: 200, body: JSON.stringify(value) };
}

function problem(status: number, ...errors: string[]): VaultFault {
  return { status, body: JSON.stringify({ errors }) };
}
