// Makes a request until it is answered: time limit, tries again, and a log line for each try.
import { formatDuration, RivetError, sleep, toRivetError } from '@rivet/base';
import type { HttpPolicy } from '../policy/http.ts';
import type { ResolveName } from './connect.ts';
import { createDeadline } from './deadline.ts';
import type { OpenExchange } from './exchange.ts';
import { type FinalExchange, followRedirects } from './follow-redirects.ts';
import type { HttpRequest, RetryReason } from './http-request.ts';
import { createProgress, type Progress, timedOut } from './progress.ts';
import type { RateLimit } from './rate-limit.ts';
import { retryDelay } from './retry-delay.ts';
import type { Slots } from './slots.ts';

/** Who makes a request: what holds for it, and who hears of it. */
export interface Sender {
  readonly policy: HttpPolicy;
  readonly rates: readonly RateLimit[];
  /** Tries at the same time; waiting for a place does not count as time of a try. */
  readonly slots: Slots;
  readonly resolve: ResolveName;
  readonly ca: string | undefined;
  /** Sends requests; over the network when absent. */
  readonly open?: OpenExchange | undefined;
  /** Waits before another try; in the time of this machine when absent. */
  readonly wait?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
  /** Aborts when the branch must stop. */
  readonly signal: AbortSignal;
  log(level: 'debug' | 'info', text: string): Promise<void>;
}

/** How an answer is taken. */
export interface Consumer<T> {
  /** Headers of the next try besides those of the request. */
  headers(): Readonly<Record<string, string>>;
  /** Breaks the connection when no byte of the body comes for this long, in milliseconds. */
  readonly stallMs: number;
  /** @throws RivetError; RIVET_HTTP_BROKEN may be tried again */
  take(final: FinalExchange, progress: Progress): Promise<T>;
}

/**
 * @throws the reason of the sender's signal when that aborts, RIVET_HTTP_TIMEOUT, what
 *   `followRedirects` and the consumer throw
 */
export async function sendRequest<T>(
  request: HttpRequest,
  sender: Sender,
  consumer: Consumer<T>,
): Promise<T> {
  const { retries } = request;
  for (let tries = 1; ; tries += 1) {
    const left = retries.max + 1 - tries;
    const outcome = await sender.slots.run(sender.signal, () =>
      tryOnce(request, sender, consumer, left > 0),
    );
    if (outcome.done) return outcome.value;
    const waitMs = retryDelay(retries, tries, outcome.retryAfter);
    if (waitMs === undefined) throw outcome.failure;
    await sender.log(
      'info',
      `${outcome.failure.message}; trying again in ${formatDuration(waitMs)} (${left} left)`,
    );
    await (sender.wait ?? sleep)(waitMs, sender.signal);
    sender.signal.throwIfAborted();
  }
}

type Outcome<T> =
  | { readonly done: true; readonly value: T }
  /** To be tried again. */
  | { readonly done: false; readonly failure: RivetError; readonly retryAfter?: string };

async function tryOnce<T>(
  request: HttpRequest,
  sender: Sender,
  consumer: Consumer<T>,
  mayRetry: boolean,
): Promise<Outcome<T>> {
  const startedAt = performance.now();
  const say = (what: string): Promise<void> =>
    sender.log(
      'debug',
      `${request.shown} ${what} ${formatDuration(performance.now() - startedAt)}`,
    );
  try {
    return await withTimeLimit(request, sender, async (signal, progress, deadline) => {
      const final = await followRedirects(request, {
        ...sender,
        signal,
        progress,
        deadline,
        connectTimeoutMs: request.connectTimeoutMs,
        stallMs: consumer.stallMs,
        extra: consumer.headers(),
      });
      const { status, headers } = final.exchange;
      try {
        if (mayRetry && retriesStatus(request, status, headers.get('retry-after'))) {
          await say(`→ ${status} in`);
          return statusFailure(request, status, headers.get('retry-after'));
        }
        const value = await consumer.take(final, progress);
        await say(`→ ${status} in`);
        return { done: true, value };
      } finally {
        await final.exchange.close();
      }
    });
  } catch (thrown) {
    sender.signal.throwIfAborted();
    const failure = toRivetError(thrown);
    await say('failed after');
    const reason = retryReason(failure);
    if (!mayRetry || reason === undefined || !request.retries.on.includes(reason)) throw failure;
    return { done: false, failure };
  }
}

/** Whether an answer is to be asked for again; not when the server wants more time than there is. */
function retriesStatus({ retries }: HttpRequest, status: number, retryAfter?: string): boolean {
  return retries.on.includes(status) && retryDelay(retries, 1, retryAfter) !== undefined;
}

function statusFailure(
  request: HttpRequest,
  status: number,
  retryAfter: string | undefined,
): Outcome<never> {
  const details = { request: request.shown, answer: String(status), body: '' };
  const failure = RivetError.of('RIVET_HTTP_STATUS', details);
  return { done: false, failure, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

function retryReason({ code, details }: RivetError): RetryReason | undefined {
  switch (code) {
    case 'RIVET_HTTP_DNS':
    case 'RIVET_HTTP_CONNECT':
      return 'connect';
    case 'RIVET_HTTP_BROKEN':
      return 'broken';
    case 'RIVET_HTTP_TIMEOUT':
      return details.option === 'connect_timeout' ? 'connect' : 'timeout';
    default:
      return undefined;
  }
}

async function withTimeLimit<T>(
  request: HttpRequest,
  sender: Sender,
  action: (
    signal: AbortSignal,
    progress: Progress,
    deadline: ReturnType<typeof createDeadline>,
  ) => Promise<T>,
): Promise<T> {
  const progress = createProgress();
  const late = new AbortController();
  const deadline = createDeadline(request.timeoutMs, () =>
    late.abort(timedOut(request.shown, 'timeout', request.timeoutMs, progress)),
  );
  const signal = AbortSignal.any([sender.signal, late.signal]);
  try {
    return await action(signal, progress, deadline);
  } catch (error) {
    // Whatever broke because it was stopped: why it was stopped is the news.
    throw signal.aborted ? signal.reason : error;
  } finally {
    deadline.clear();
  }
}
