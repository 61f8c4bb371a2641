// What a script asks for, checked: the URL, the headers and the body of a request, and its limits.
import { REDACTED, RivetError, SecretText } from '@rivet/base';
import { showRequest } from './shown-request.ts';

/** When a request is made again. */
export interface HttpRetries {
  /** Tries after the first. */
  readonly max: number;
  /** `connect`: before the request was sent; `broken`: after; `timeout`; or a status. */
  readonly on: readonly (RetryReason | number)[];
  /** Of the first wait, which doubles; how long one is at all. In milliseconds. */
  readonly delayMs: number;
  readonly delayMsMax: number;
}

export const retryReasons = ['connect', 'broken', 'timeout'] as const;
export type RetryReason = (typeof retryReasons)[number];

export interface HttpBody {
  readonly bytes: Uint8Array;
  /** Whether it holds a secret: then it is not sent on to another origin. */
  readonly secret: boolean;
}

/** A request as a script asked for it, before the first redirect. */
export interface HttpRequest {
  /** The function of the script, such as `http.get`. */
  readonly function: string;
  /** How log lines and messages name it. */
  readonly shown: string;
  readonly method: string;
  readonly url: URL;
  /** Whether the URL itself is a secret. */
  readonly secretUrl: boolean;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string | SecretText>;
  readonly body: HttpBody | undefined;
  /** Of one try, in milliseconds; the second is part of the first. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly retries: HttpRetries;
  readonly redirectsMax: number;
  readonly bytesMax: number;
  /** Whether an answer of 400 and above is an error. */
  readonly check: boolean;
}

/** The URL and the way to show it. */
export type HttpTarget = Pick<HttpRequest, 'url' | 'secretUrl' | 'shown'>;

const URL_LENGTH_MAX = 8000;
/** What the URL parser would take out without a word. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const STRIPPED = /[\x00-\x20\x7f]/;

/**
 * Reads the URL of a request.
 * @param query is added to what the URL has; empty for nothing
 * @throws RIVET_HTTP_URL, which shows nothing of a secret
 */
export function readTarget(
  name: string,
  method: string,
  given: string | SecretText,
  query: string,
): HttpTarget {
  const secretUrl = given instanceof SecretText;
  const text = secretUrl ? given.reveal() : given;
  const url = parseUrl(name, text, secretUrl);
  if (query !== '') {
    // Not through searchParams, which would write anew what the URL has already.
    url.search = url.search === '' ? query : `${url.search}&${query}`;
  }
  url.hash = '';
  return { url, secretUrl, shown: showRequest(method, url, secretUrl) };
}

function parseUrl(name: string, text: string, secret: boolean): URL {
  const wrong = (reason: string): RivetError =>
    RivetError.of('RIVET_HTTP_URL', {
      function: name,
      url: secret ? REDACTED : JSON.stringify(withoutSecrets(text)),
      reason,
    });
  if (text.length > URL_LENGTH_MAX) throw wrong(`is longer than ${URL_LENGTH_MAX} characters`);
  if (STRIPPED.test(text)) throw wrong('has a blank or a control character; write it as %20');
  if (!URL.canParse(text)) throw wrong('is not an absolute URL');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw wrong(`begins with "${url.protocol}"; only http: and https: are spoken`);
  }
  if (url.username !== '' || url.password !== '') {
    throw wrong('has a user or a password; pass `basic = { user, password }` instead');
  }
  return url;
}

/** A text that may be a URL without what a URL may keep secret, cut to a length for messages. */
function withoutSecrets(text: string): string {
  return text
    .slice(0, 200)
    .replace(/\/\/[^/?#]*@/, `//${REDACTED}@`)
    .replace(/\?.*/s, '?…');
}
