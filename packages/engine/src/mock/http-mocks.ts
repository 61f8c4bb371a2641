// The requests of a tested pipeline: asks the mocks what each is answered with.
import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { RivetError } from '@rivet/base';
import { asRecord, type LuaRecord, type LuaValue } from '@rivet/lua';
import { httpHost } from '@rivet/pipeline';
import { allowedAddresses, type ResolvedAddress } from '../http/connect.ts';
import type { Exchange, ExchangeOptions, Hop } from '../http/exchange.ts';
import { wrongValue } from '../value-readers.ts';
import type { CurrentCall } from './current-call.ts';
import { luaText, type MockLog } from './mock-log.ts';
import { luaRecord, type ShownSecrets } from './shown-secrets.ts';

/** Nothing is ever sent there. */
const PUBLIC_ADDRESS = '1.1.1.1';

export interface HttpMocks {
  /** Answers one hop of a request, in place of the network; the policy is asked all the same. */
  open(hop: Hop, options: ExchangeOptions): Promise<Exchange>;
  /** Every request, as the case of a test sees it. */
  readonly requests: readonly LuaRecord[];
}

export interface HttpMockOptions {
  readonly mocks: MockLog;
  readonly calls: CurrentCall;
  readonly secrets: ShownSecrets;
  /** The name of the stage that a branch belongs to. */
  readonly stageOf: (branch: string) => string;
}

export function createHttpMocks(options: HttpMockOptions): HttpMocks {
  const requests: LuaRecord[] = [];
  return {
    requests,
    async open(hop, destination) {
      const { policy, request, signal } = destination;
      const host = httpHost(hop.url);
      policy.checkHost(request, host);
      await allowedAddresses({ ...destination, host, resolve: pretendedAddress }, signal);
      const fields = describeRequest(hop, options);
      requests.push(fields);
      const line = `mock.http(${luaText(String(fields.line))}, { status = 200 })`;
      const reply = await options.mocks.ask('http', fields, readHttpReply, line);
      if (reply === undefined) {
        throw RivetError.of('RIVET_TEST_CALL_UNMOCKED', { what: String(fields.line) });
      }
      if (reply.fails !== undefined) {
        throw RivetError.of('RIVET_HTTP_CONNECT', {
          request,
          host: hop.url.hostname,
          reason: reply.fails,
        });
      }
      fields.status = reply.status;
      const body = Readable.from([reply.body], { objectMode: false });
      return {
        status: reply.status,
        headers: reply.headers,
        body,
        close: async () => {
          body.destroy();
        },
      };
    },
  };
}

/** Every name is one of the public internet, except for those of the machine itself. */
async function pretendedAddress(name: string): Promise<readonly ResolvedAddress[]> {
  const local = name === 'localhost' || name.endsWith('.localhost');
  return [{ address: local ? '127.0.0.1' : PUBLIC_ADDRESS, family: 4 }];
}

function describeRequest(
  { method, url, headers, body }: Hop,
  { calls, secrets, stageOf }: HttpMockOptions,
): LuaRecord {
  const call = calls.get();
  const shown = secrets.text(url.href);
  const table = secrets.table(headers);
  return luaRecord({
    stage: stageOf(call?.branch ?? ''),
    line: `${method} ${shown}`,
    method,
    url: shown,
    headers: table.shown,
    secrets: table.secrets,
    body: body === undefined ? null : bodyText(body, secrets),
    file: call?.position?.file ?? null,
    source_line: call?.position?.line ?? null,
  });
}

function bodyText(body: Uint8Array, secrets: ShownSecrets): LuaValue {
  return isUtf8(body) ? secrets.text(Buffer.from(body).toString('utf8')) : body;
}

interface HttpReply {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  /** Why there is no connection. */
  readonly fails: string | undefined;
}

function readHttpReply(value: LuaValue, mock: string): HttpReply {
  const record = asRecord(value) ?? {};
  const wrong = (path: string, expected: string): RivetError =>
    wrongValue(record[path] ?? null, expected, { function: mock, path });
  const { status = 200, json = null, body = null, fails = null } = record;
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) {
    throw wrong('status', 'a whole number from 200 to 599');
  }
  const given = asRecord(record.headers ?? []);
  if (given === undefined) throw wrong('headers', 'a table of texts');
  if (json !== null && body !== null) throw wrong('body', 'nothing, as `json` is the body');
  if (body !== null && typeof body !== 'string' && !(body instanceof Uint8Array)) {
    throw wrong('body', 'a text');
  }
  const headers = Object.entries(given).map(
    ([name, header]) => [name.toLowerCase(), String(header)] as const,
  );
  const type = json === null ? [] : ([['content-type', 'application/json']] as const);
  return {
    status,
    headers: new Map([...type, ...headers]),
    body: Buffer.from(json === null ? (body ?? '') : JSON.stringify(json)),
    fails: fails === null ? undefined : fails === true ? 'connection refused' : String(fails),
  };
}
