// The options of the functions of the module `http`, and the request that they make.
import { RivetError, type SecretText } from '@rivet/base';
import { asRecord, type LuaFunction } from '@rivet/lua';
import { permissions } from '../modules/fs.ts';
import {
  anyValue,
  boolean,
  bytesOrSecret,
  choice,
  duration,
  integer,
  type OptionsOf,
  options,
  type Reader,
  size,
  text,
  textOrSecret,
  wrongValue,
} from '../value-readers.ts';
import { encodeForm, formTable, requestBody } from './http-body.ts';
import { authorization, type Credentials, headerTable, headerValue } from './http-headers.ts';
import { type HttpRequest, type HttpRetries, readTarget, retryReasons } from './http-request.ts';

const SECOND = 1000;
const DEFAULTS = {
  timeoutMs: 60 * SECOND,
  downloadTimeoutMs: 30 * 60 * SECOND,
  connectTimeoutMs: 10 * SECOND,
  redirects: 5,
  bytesMax: 10 * 1024 * 1024,
  downloadBytesMax: 10 * 1024 ** 3,
  downloadRetries: 2,
  retryDelayMs: SECOND,
  retryDelayMsMax: 60 * SECOND,
};
const REDIRECTS_MAX = 20;
const RETRIES_MAX = 10;
/** A frame to the Lua process must hold it, whatever its bytes are. */
const BYTES_MAX = 10 * 1024 * 1024;

/** What answers of a server that is overloaded or restarts have. */
const RETRY_STATUSES = [429, 502, 503, 504];
/** To ask twice for these does the same as to ask once. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']);

const basic: Reader<Credentials> = {
  expected: 'a list of a user and a password: { "user", secret.get("PASSWORD") }',
  read(value, place) {
    if (!Array.isArray(value) || value.length !== 2) throw wrongValue(value, this.expected, place);
    const [user, password] = value.map((part, index) =>
      textOrSecret.read(part, { ...place, path: `${place.path}[${index + 1}]` }),
    );
    if (user === undefined || password === undefined) throw wrongValue(value, this.expected, place);
    if (typeof user === 'string' && user.includes(':')) {
      throw wrongValue(user, 'a user without a colon', { ...place, path: `${place.path}[1]` });
    }
    return [user, password];
  },
};

const positiveDuration: Reader<number> = {
  expected: 'more than 0 seconds, or text such as "90s"',
  read(value, place) {
    const ms = duration.read(value, place);
    if (ms <= 0) throw wrongValue(value, this.expected, place);
    return ms;
  },
};

const reason = choice(...retryReasons);
const status = integer(400, 599);
const retryCauses: Reader<HttpRetries['on']> = {
  expected: 'a list of "connect", "broken", "timeout" and statuses from 400 to 599',
  read(value, place) {
    if (!Array.isArray(value)) throw wrongValue(value, this.expected, place);
    return value.map((item, index) => {
      const at = { ...place, path: `${place.path}[${index + 1}]` };
      return typeof item === 'number' ? status.read(item, at) : reason.read(item, at);
    });
  },
};

const retrySchema = {
  max: integer(0, RETRIES_MAX),
  on: retryCauses,
  delay: positiveDuration,
  max_delay: positiveDuration,
};
const retryTable = options(retrySchema);

/** A number of tries after the first, or a table with it. */
const retries: Reader<OptionsOf<typeof retrySchema>> = {
  expected: `a number of tries from 0 to ${RETRIES_MAX}, or a table such as { max = 3, delay = "2s" }`,
  read(value, place) {
    if (typeof value === 'number') return { max: retrySchema.max.read(value, place) };
    if (asRecord(value) === undefined) throw wrongValue(value, this.expected, place);
    return retryTable.read(value, place);
  },
};

const common = {
  headers: headerTable,
  query: formTable,
  bearer: textOrSecret,
  basic,
  timeout: positiveDuration,
  connect_timeout: positiveDuration,
  retries,
  redirects: integer(0, REDIRECTS_MAX),
};
const answer = { max_bytes: size, check: boolean };
const body = { body: bytesOrSecret, json: anyValue, form: formTable };

/** Of functions whose requests have no body. */
export const plainOptions = options({ ...common, ...answer });
/** Of functions whose requests may have one. */
export const bodyOptions = options({ ...body, ...common, ...answer });
export const requestOptions = options({
  method: text,
  url: textOrSecret,
  ...body,
  ...common,
  ...answer,
});
export const downloadOptions = options({
  sha256: text,
  max_bytes: size,
  mode: permissions,
  parents: boolean,
  overwrite: boolean,
  ...common,
});

type CommonOptions = OptionsOf<typeof common>;
type RequestOptions = CommonOptions & OptionsOf<typeof body> & OptionsOf<typeof answer>;

const METHOD = /^[A-Z]{1,20}$/;
/** They make a tunnel, or echo the headers with what is secret in them. */
const REFUSED_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK']);

function requestMethod(name: string, given: string): string {
  const method = given.toUpperCase();
  if (METHOD.test(method) && !REFUSED_METHODS.has(method)) return method;
  const place = { function: name, path: 'method' };
  throw wrongValue(given, 'a method such as "GET" or "POST"', place);
}

/**
 * The request of a call that takes the answer into Lua.
 * @param asked the method, in any case
 * @param nullValue stands for null in `json`
 * @throws RIVET_CALL_ARGUMENT, RIVET_HTTP_URL, RIVET_JSON_ENCODE
 */
export function httpRequest(
  name: string,
  asked: string,
  url: string | SecretText,
  given: RequestOptions,
  nullValue: LuaFunction,
): HttpRequest {
  const method = requestMethod(name, asked);
  const content = requestBody(name, given, nullValue);
  if (content !== undefined && (method === 'GET' || method === 'HEAD')) {
    const place = { function: name, path: 'body' };
    throw wrongValue('a body', `none: ${method} has no body; use POST or another method`, place);
  }
  const bytesMax = given.max_bytes ?? DEFAULTS.bytesMax;
  if (bytesMax > BYTES_MAX) {
    const place = { function: name, path: 'max_bytes' };
    throw wrongValue(bytesMax, 'at most 10MB; http.download takes more, into a file', place);
  }
  return {
    ...commonParts(name, method, url, given, content?.type),
    body: content === undefined ? undefined : { bytes: content.bytes, secret: content.secret },
    timeoutMs: given.timeout ?? DEFAULTS.timeoutMs,
    retries: retryRule(method, given.retries, 0),
    bytesMax,
    check: given.check ?? true,
  };
}

/** What a download expects of its file: the sum in lower case. */
export function downloadDigest(name: string, given: string | undefined): string | undefined {
  const sum = given?.toLowerCase();
  if (sum === undefined || /^[0-9a-f]{64}$/.test(sum)) return sum;
  const place = { function: name, path: 'sha256' };
  throw wrongValue(sum, 'a sha256 of 64 hexadecimal digits', place);
}

/** They would make a part of a file look like all of it. */
const PARTIAL_HEADERS = new Set(['range', 'if-range', 'if-none-match', 'if-modified-since']);

/** The request of a download. Throws like `httpRequest`. */
export function downloadRequest(
  name: string,
  url: string | SecretText,
  given: OptionsOf<{ max_bytes: typeof size }> & CommonOptions,
): HttpRequest {
  const range = [...(given.headers?.keys() ?? [])].find((key) => PARTIAL_HEADERS.has(key));
  if (range !== undefined) {
    const place = { function: name, path: 'a name in headers' };
    throw wrongValue(range, 'other headers: a download asks for parts by itself', place);
  }
  return {
    ...commonParts(name, 'GET', url, given, undefined),
    body: undefined,
    timeoutMs: given.timeout ?? DEFAULTS.downloadTimeoutMs,
    retries: retryRule('GET', given.retries, DEFAULTS.downloadRetries),
    bytesMax: given.max_bytes ?? DEFAULTS.downloadBytesMax,
    check: true,
  };
}

type CommonParts = Pick<
  HttpRequest,
  | 'function'
  | 'method'
  | 'url'
  | 'secretUrl'
  | 'shown'
  | 'headers'
  | 'connectTimeoutMs'
  | 'redirectsMax'
>;

function commonParts(
  name: string,
  method: string,
  url: string | SecretText,
  given: CommonOptions,
  contentType: string | undefined,
): CommonParts {
  const headers = new Map<string, string | SecretText>([['accept', '*/*']]);
  headers.set('user-agent', 'rivet');
  if (contentType !== undefined) headers.set('content-type', contentType);
  for (const [key, value] of given.headers ?? []) headers.set(key, value);
  const credentials = authorization(given.bearer, given.basic);
  if (credentials !== undefined) {
    refuseSecond(name, given);
    const path = given.bearer === undefined ? 'basic' : 'bearer';
    const place = { function: name, path };
    headers.set('authorization', headerValue(credentials as string, place));
  }
  return {
    function: name,
    method,
    ...readTarget(name, method, url, given.query === undefined ? '' : encodeForm(given.query)),
    headers,
    connectTimeoutMs: given.connect_timeout ?? DEFAULTS.connectTimeoutMs,
    redirectsMax: given.redirects ?? DEFAULTS.redirects,
  };
}

function refuseSecond(name: string, { bearer, basic: pair, headers }: CommonOptions): void {
  const ways = [bearer !== undefined, pair !== undefined, headers?.has('authorization') === true];
  if (ways.filter(Boolean).length < 2) return;
  throw RivetError.of('RIVET_CALL_ARGUMENT', {
    function: name,
    path: 'options',
    found: 'two ways to log in',
    expected: 'one of bearer, basic and the header authorization',
  });
}

function retryRule(
  method: string,
  given: OptionsOf<typeof retrySchema> | undefined,
  max: number,
): HttpRetries {
  const delayMsMax = given?.max_delay ?? DEFAULTS.retryDelayMsMax;
  const safe: HttpRetries['on'] = IDEMPOTENT.has(method)
    ? [...retryReasons, ...RETRY_STATUSES]
    : ['connect', 429, 503];
  return {
    max: given?.max ?? max,
    on: given?.on ?? safe,
    delayMs: Math.min(given?.delay ?? DEFAULTS.retryDelayMs, delayMsMax),
    delayMsMax,
  };
}
