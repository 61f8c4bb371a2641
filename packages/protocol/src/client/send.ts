// Sends one request, again after a pause where that is safe, and says clearly why there is no
// answer.
import {
  describeThrown,
  formatDuration,
  isRivetError,
  RivetError,
  retryPauseMs,
  sleep,
} from '@rivet/base';
import type { Answer, Fetch, FetchInit } from './fetch.ts';
import { problemError } from './problem-error.ts';
import { readRetryAfter } from './retry-after.ts';

/** A request with everything decided. */
export interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: FetchInit['body'] | undefined;
  /** Until the head of the answer has come, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Whether sending it twice has the effect of sending it once. */
  readonly repeatable: boolean;
  /** Tries in all. */
  readonly triesMax: number;
}

/** Longer waits than this are the caller's decision, in milliseconds. */
const RETRY_AFTER_MS_MAX = 10_000;
const RETRY_STATUSES = new Set([429, 502, 503, 504]);
const BACKOFF = { baseMs: 200, maxMs: 3000 };

/**
 * The answer, when its status says success.
 * @throws RIVET_SERVER_UNREACHABLE, the error of the problem document, or the reason of `signal`
 */
export async function send(request: Request, fetch: Fetch): Promise<Answer> {
  for (let tried = 1; ; tried += 1) {
    const result = await trySend(request, fetch);
    request.signal?.throwIfAborted();
    if (result.response !== undefined) return result.response;
    if (tried >= request.triesMax || !result.mayRetry) throw result.error;
    if (result.retryAfterMs > RETRY_AFTER_MS_MAX) throw result.error;
    const pauseMs = retryPauseMs(tried, result.retryAfterMs, BACKOFF);
    await sleep(pauseMs, request.signal);
    request.signal?.throwIfAborted();
  }
}

type Result =
  | { response: Answer }
  | { response?: undefined; error: RivetError; mayRetry: boolean; retryAfterMs: number };

async function trySend(request: Request, fetch: Fetch): Promise<Result> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), request.timeoutMs);
  const signals = [deadline.signal, ...(request.signal === undefined ? [] : [request.signal])];
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: request.headers,
      redirect: 'error',
      signal: AbortSignal.any(signals),
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    if (response.ok) return { response };
    return {
      error: await problemError(response, request.url),
      mayRetry: request.repeatable && RETRY_STATUSES.has(response.status),
      retryAfterMs: readRetryAfter(response) ?? 0,
    };
  } catch (error) {
    // A `fetch` of the caller's own may have more to say than that there was no answer.
    if (isRivetError(error)) return { error, mayRetry: false, retryAfterMs: 0 };
    const untrusted = certificateFault(error);
    if (untrusted !== undefined) {
      const details = { url: originOf(request.url), reason: untrusted };
      const refused = RivetError.of('RIVET_SERVER_CERTIFICATE', details, error);
      return { error: refused, mayRetry: false, retryAfterMs: 0 };
    }
    const reason = deadline.signal.aborted
      ? `no answer within ${formatDuration(request.timeoutMs)}`
      : describeNetworkError(error);
    return {
      error: RivetError.of(
        'RIVET_SERVER_UNREACHABLE',
        { url: originOf(request.url), reason },
        error,
      ),
      // A refused connection means that nothing was sent, so even a launch may be tried again.
      mayRetry: request.repeatable || networkCode(error) === 'ECONNREFUSED',
      retryAfterMs: 0,
    };
  } finally {
    clearTimeout(timer);
  }
}

/** Why there was no answer, in words. Node's fetch hides the reason in `cause`. */
export function describeNetworkError(error: unknown): string {
  switch (networkCode(error)) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name is unknown';
    case 'ECONNRESET':
    case 'UND_ERR_SOCKET':
      return 'the connection was cut';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'there is no route to the host';
    default: {
      const cause = error instanceof Error ? error.cause : undefined;
      return describeThrown(cause ?? error);
    }
  }
}

/** The address without path and query, which may hold what does not belong into a message. */
export function originOf(url: string): string {
  return new URL(url).origin;
}

/** What OpenSSL and Node call the faults of a certificate; other errors of TLS are of the network. */
const CERTIFICATE_FAULT =
  /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;

function certificateFault(error: unknown): string | undefined {
  const code = networkCode(error);
  if (code === undefined || !CERTIFICATE_FAULT.test(code)) return undefined;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  // Node goes on with advice about its own command line.
  return describeThrown(cause).split('; if the root CA')[0];
}

function networkCode(error: unknown): string | undefined {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof AggregateError) return networkCode(cause.errors[0]);
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
