// Servers and requests for the tests of `http`: everything on loopback, which their policy allows.
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { LuaFunction, type LuaValue } from '@rivet/lua';
import type { InstallationPolicy } from '@rivet/pipeline';
import { resolveName } from '../http/connect.ts';
import { httpRequest, requestOptions } from '../http/http-options.ts';
import { createRateLimit } from '../http/rate-limit.ts';
import { type LargeAnswers, readBody } from '../http/read-body.ts';
import { type Sender, sendRequest } from '../http/send-request.ts';
import { createSlots } from '../http/slots.ts';
import { stagePolicy } from '../policy/policy.ts';

export const LOOPBACK = ['*', '127.0.0.0/8', '::1'];

export interface TestServer {
  readonly url: string;
  readonly port: number;
  /** Connections that were opened. */
  readonly connections: () => number;
  close(): Promise<void>;
}

/** An HTTP server on a free port of 127.0.0.1. */
export async function serveHttp(listener: RequestListener): Promise<TestServer> {
  const server = createServer(listener);
  return await listening(server, () => server.closeAllConnections());
}

/** A server that answers each connection in whatever bytes it likes. */
export async function serveTcp(answer: (socket: Socket) => void): Promise<TestServer> {
  const open = new Set<Socket>();
  const server = createTcpServer((socket) => {
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    answer(socket);
  });
  return await listening(server, () => {
    for (const socket of open) socket.destroy();
  });
}

type Server = ReturnType<typeof createTcpServer>;

export async function listening(server: Server, closeAll: () => void): Promise<TestServer> {
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        closeAll();
      }),
  };
}

export interface SendOptions {
  readonly policy?: InstallationPolicy;
  readonly sender?: Partial<Sender>;
  readonly large?: LargeAnswers;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly url: string;
  readonly log: readonly string[];
}

/** Stands for null in JSON. */
export const NULL = new LuaFunction(1, { file: 'test.lua', line: 1 });

/** A sender that writes its log lines to `log`. */
export function testSender(log: string[], { policy, sender }: SendOptions = {}): Sender {
  return {
    policy: stagePolicy(policy ?? { http: { allow: LOOPBACK } }, {}, undefined).http,
    rates: [createRateLimit(undefined)],
    slots: createSlots(32),
    resolve: resolveName,
    ca: undefined,
    signal: new AbortController().signal,
    log: async (level, text) => void log.push(`${level} ${text}`),
    ...sender,
  };
}

/** Makes a request with the options of `http.request`, as a script writes them. */
export async function send(
  given: Record<string, LuaValue>,
  options: SendOptions = {},
): Promise<Answer> {
  const log: string[] = [];
  const place = { function: 'http.request', path: '' };
  const { method = 'GET', url = '', ...read } = requestOptions.read(given, place);
  const request = httpRequest(place.function, method, url, read, NULL);
  const {
    exchange,
    url: last,
    body,
  } = await sendRequest(request, testSender(log, options), {
    headers: () => ({}),
    stallMs: 0,
    async take(final, progress) {
      const bytes = await readBody(
        final.exchange,
        request.shown,
        request.bytesMax,
        progress,
        options.large,
      );
      return { ...final, body: bytes };
    },
  });
  return {
    status: exchange.status,
    headers: Object.fromEntries(exchange.headers),
    body: body.toString('latin1'),
    url: last.href,
    log,
  };
}
