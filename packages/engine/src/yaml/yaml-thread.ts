// Asks the YAML thread of a job, and ends it when it takes too long, fails or is not used.
import { Worker } from 'node:worker_threads';
import { describeThrown, formatDuration } from '@rivet/base';
import type { YamlAnswer, YamlRequest } from './yaml-value.ts';

/** A text that is worked on for longer is given up. */
const ANSWER_MS = 10_000;
/** The thread ends when nobody asks for so long. */
const IDLE_MS = 5000;
const MEMORY_MB = 256;

export interface YamlThread {
  /**
   * One request after the other.
   * @throws the reason of `signal` when it aborts
   */
  ask(request: YamlRequest, signal: AbortSignal): Promise<YamlAnswer>;
}

/** @param answerMs how long one request may take */
export function createYamlThread(answerMs = ANSWER_MS): YamlThread {
  let worker: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const end = (): void => {
    clearTimeout(idle);
    void worker?.terminate();
    worker = undefined;
  };
  const start = (): Worker => {
    const started = new Worker(new URL('./yaml-worker.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    });
    started.unref();
    return started;
  };
  const answer = async (request: YamlRequest, signal: AbortSignal): Promise<YamlAnswer> => {
    signal.throwIfAborted();
    clearTimeout(idle);
    worker ??= start();
    const answered = await exchange(worker, request, signal, answerMs);
    signal.throwIfAborted();
    if (answered === undefined || answered.type === 'limit') end();
    else idle = setTimeout(end, IDLE_MS).unref();
    return (
      answered ?? {
        type: 'limit',
        found: `takes longer than ${formatDuration(answerMs)}, or more memory than ${MEMORY_MB} MB`,
        limit: formatDuration(answerMs),
      }
    );
  };
  return {
    ask(request, signal) {
      const answered = last.then(async () => {
        try {
          return await answer(request, signal);
        } catch (error) {
          end();
          throw error;
        }
      });
      last = answered.catch(() => {});
      return answered;
    },
  };
}

/** Undefined when the thread takes too long, runs out of memory or is told to stop. */
function exchange(
  worker: Worker,
  request: YamlRequest,
  signal: AbortSignal,
  answerMs: number,
): Promise<YamlAnswer | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<YamlAnswer | undefined>();
  const giveUp = (): void => resolve(undefined);
  const timer = setTimeout(giveUp, answerMs);
  const failed = (error: Error): void => {
    if ('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') giveUp();
    else reject(new Error(`the YAML thread failed: ${describeThrown(error)}`, { cause: error }));
  };
  worker.once('message', resolve);
  worker.once('error', failed);
  worker.once('exit', giveUp);
  signal.addEventListener('abort', giveUp, { once: true });
  worker.postMessage(request);
  return promise.finally(() => {
    clearTimeout(timer);
    worker.off('message', resolve);
    worker.off('error', failed);
    worker.off('exit', giveUp);
    signal.removeEventListener('abort', giveUp);
  });
}
