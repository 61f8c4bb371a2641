// The module `http`: requests of the script itself, made by the runner under its policy.
import { isUtf8 } from 'node:buffer';
import { STATUS_CODES } from 'node:http';
import { RivetError, type SecretText } from '@rivet/base';
import type { LuaFunction, LuaRecord, LuaValue } from '@rivet/lua';
import {
  type HostFunction,
  type HostModule,
  hostFunction,
  type ModuleCall,
  optional,
  required,
} from '../host-function.ts';
import type { FinalExchange } from '../http/follow-redirects.ts';
import {
  bodyOptions,
  httpRequest,
  plainOptions,
  requestOptions,
} from '../http/http-options.ts';
import type { HttpRequest } from '../http/http-request.ts';
import { readBody } from '../http/read-body.ts';
import { sendRequest } from '../http/send-request.ts';
import { luaFunction, textOrSecret, wrongValue } from '../value-readers.ts';
import { moduleSource } from './sources.ts';

/** The last argument of every function: what stands for null in `json`. */
const nullParameter = required('null', luaFunction);

type PlainOptions = Parameters<typeof httpRequest>[3];

/** Makes a request and gives the answer to the script. */
async function answer(
  call: ModuleCall,
  method: string,
  url: string | SecretText,
  options: PlainOptions | undefined,
  nullValue: LuaFunction,
): Promise<[LuaRecord]> {
  const request = httpRequest(call.name, method, url, options ?? {}, nullValue);
  const startedAt = performance.now();
  const response = await sendRequest(request, call.job.http.senderOf(call), {
    headers: () => ({}),
    stallMs: 0,
    take: (final, progress) =>
      readBody(final.exchange, request.shown, request.bytesMax, progress).then((body) => ({
        ...final,
        body,
      })),
  });
  const { status } = response.exchange;
  if (request.check && status >= 400) throw statusError(request, status, response.body);
  return [responseRecord(request, response, performance.now() - startedAt)];
}

function responseRecord(
  request: HttpRequest,
  { exchange, url, body }: FinalExchange & { readonly body: Buffer },
  durationMs: number,
): LuaRecord {
  const headers = Object.create(null) as LuaRecord;
  for (const [name, value] of exchange.headers) headers[name] = value;
  const fields: [string, LuaValue][] = [
    ['status', exchange.status],
    ['ok', exchange.status >= 200 && exchange.status < 300],
    ['headers', headers],
    ['body', isUtf8(body) ? body.toString('utf8') : new Uint8Array(body)],
    ['url', request.secretUrl ? '***' : url.href],
    ['duration_ms', Math.round(durationMs)],
  ];
  const record = Object.create(null) as LuaRecord;
  for (const [name, value] of fields) record[name] = value;
  return record;
}

const QUOTED_LENGTH_MAX = 500;

/** What an answer of 400 and above is answered with, with the beginning of its text. */
export function statusError(request: HttpRequest, status: number, body: Buffer): RivetError {
  const text = isUtf8(body)
    ? body
        .toString('utf8')
        .replaceAll(/[^\P{Cc}\n\t]+/gu, ' ')
        .trim()
    : '';
  const quoted = text.length > QUOTED_LENGTH_MAX ? `${text.slice(0, QUOTED_LENGTH_MAX)}…` : text;
  const name = STATUS_CODES[status];
  return RivetError.of('RIVET_HTTP_STATUS', {
    request: request.shown,
    answer: name === undefined ? String(status) : `${status} ${name}`,
    body: quoted === '' ? '' : `:\n${quoted}`,
    status,
  });
}

function plainFunction(method: string): HostFunction {
  return hostFunction(
    [required('url', textOrSecret), optional('options', plainOptions), nullParameter],
    (call, url, options, nullValue) => answer(call, method, url, options, nullValue),
    { effect: true },
  );
}

function bodyFunction(method: string): HostFunction {
  return hostFunction(
    [required('url', textOrSecret), optional('options', bodyOptions), nullParameter],
    (call, url, options, nullValue) => answer(call, method, url, options, nullValue),
    { effect: true },
  );
}

const request = hostFunction(
  [required('options', requestOptions), nullParameter],
  (call, { method, url, ...options }, nullValue) => {
    if (url === undefined) {
      throw wrongValue(null, 'a URL such as "https://api.example.com/v1/items"', {
        function: call.name,
        path: 'url',
      });
    }
    return answer(call, method ?? 'GET', url, options, nullValue);
  },
  { effect: true },
);

export const httpModule: HostModule = {
  name: 'http',
  functions: {
    request,
    get: plainFunction('GET'),
    head: plainFunction('HEAD'),
    post: bodyFunction('POST'),
    put: bodyFunction('PUT'),
    patch: bodyFunction('PATCH'),
    delete: bodyFunction('DELETE'),
  },
  source: moduleSource('http'),
};
