// Asks the YAML process of a job, and ends it when it takes too long or is not used.
import { fileURLToPath } from 'node:url';
import { formatSize } from '@rivet/base';
import { type HostProcess, startProcess } from '@rivet/processes';
import type { YamlAnswer, YamlRequest } from './yaml-value.ts';

/** A text that is worked on for longer is given up. */
const ANSWER_MS = 10_000;
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;
/** The process ends when nobody asks for so long. */
const IDLE_MS = 5000;
const MEMORY_MB = 384;
const STDERR_LENGTH_MAX = 2000;
const ENTRY = fileURLToPath(new URL('./yaml-main.ts', import.meta.url));

/**
 * The library needs seconds and hundreds of megabytes for a megabyte of text: a process of its own
 * keeps them away from the other jobs. It is started by the first request.
 */
export interface YamlProcess {
  /**
   * One request after the other. What takes too long, or too much memory, is answered as a limit.
   * @throws the reason of `signal` when it aborts
   */
  ask(request: YamlRequest, signal: AbortSignal): Promise<YamlAnswer>;
  /** Ends the process; the next request would start another. */
  close(): Promise<void>;
}

/** @param answerMs how long one request may take */
export function createYamlProcess(answerMs = ANSWER_MS): YamlProcess {
  let running: HostProcess | undefined;
  let idle: NodeJS.Timeout | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const close = async (): Promise<void> => {
    clearTimeout(idle);
    const ending = running;
    running = undefined;
    ending?.kill('SIGKILL');
    await ending?.exit;
  };
  const answer = async (request: YamlRequest, signal: AbortSignal): Promise<YamlAnswer> => {
    signal.throwIfAborted();
    clearTimeout(idle);
    if (running?.running !== true) running = start();
    const answered = await exchange(running, request, signal, answerMs);
    if ('problem' in answered) {
      await close();
      signal.throwIfAborted();
      if (answered.problem === undefined) throw new Error(`the YAML process: ${answered.reason}`);
      return { type: 'limit', ...answered.problem };
    }
    idle = setTimeout(() => void close(), IDLE_MS).unref();
    return answered;
  };
  return {
    ask(request, signal) {
      const answered = last.then(() => answer(request, signal));
      last = answered.catch(() => {});
      return answered;
    },
    close,
  };
}

function start(): HostProcess {
  const started = startProcess({
    file: process.execPath,
    args: [`--max-old-space-size=${MEMORY_MB}`, '--disable-warning=ExperimentalWarning', ENTRY],
    cwd: '/',
    // Ctrl-C at a terminal reaches its whole group: Rivet ends a job in order.
    group: true,
  });
  // A pipe that breaks is seen as the end of the process. It may break long after the exchange that
  // wrote into it was given up.
  started.stdin?.on('error', () => undefined);
  return started;
}

/** No answer; `problem` undefined: the process failed, and `reason` says how. */
interface NoAnswer {
  readonly problem: { readonly found: string; readonly limit: string } | undefined;
  readonly reason: string;
}

/** Hands over a request and waits for the line that answers it. */
function exchange(
  { stdin, stdout, stderr, exit }: HostProcess,
  request: YamlRequest,
  signal: AbortSignal,
  answerMs: number,
): Promise<YamlAnswer | NoAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<YamlAnswer | NoAnswer>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  let errors = '';
  const giveUp = (found: string, limit: string): void =>
    resolve({ problem: { found, limit }, reason: found });
  const received = (chunk: Buffer): void => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) {
      giveUp('stands for more', formatSize(ANSWER_BYTES_MAX));
    } else if (chunk.at(-1) === 0x0a) {
      try {
        resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')) as YamlAnswer);
      } catch (error) {
        reject(error);
      }
    }
  };
  const failed = (chunk: Buffer): void => {
    if (errors.length < STDERR_LENGTH_MAX) errors += chunk.toString('utf8');
  };
  const aborted = (): void => resolve({ problem: undefined, reason: 'stopped' });
  const limit = `${answerMs / 1000} s`;
  const timer = setTimeout(() => giveUp(`takes longer than ${limit} to work on`, limit), answerMs);
  void exit.then(({ code, signal: killed, error }) => {
    if (/heap out of memory|allocation failed/i.test(errors)) {
      giveUp('takes more memory to work on', `${MEMORY_MB}MB`);
    } else {
      const how = error?.message ?? killed ?? `exit code ${code}`;
      resolve({ problem: undefined, reason: `${how} ${errors.slice(-500)}` });
    }
  });
  stdout?.on('data', received);
  stderr?.on('data', failed);
  signal.addEventListener('abort', aborted, { once: true });
  stdin?.write(`${JSON.stringify(request)}\n`);
  return promise.finally(() => {
    clearTimeout(timer);
    stdout?.off('data', received);
    stderr?.off('data', failed);
    signal.removeEventListener('abort', aborted);
  });
}
