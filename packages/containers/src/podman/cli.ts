// Runs podman: with a deadline, without a shell, and with errors a person can act on.
import { formatDuration, RivetError } from '@rivet/base';
import { startTurn } from '@rivet/processes';
import type { OutputSink } from '../driver.ts';
import { type ProgramEnd, runToEnd } from './run-to-end.ts';

/** Variables of Rivet's own environment that Podman needs to find its storage and registries. */
const INHERITED =
  /^(?:PATH|HOME|USER|LOGNAME|TMPDIR|XDG_.*|CONTAINERS?_.*|STORAGE_.*|REGISTRY_AUTH_FILE|DBUS_SESSION_BUS_ADDRESS|SSL_CERT_.*|(?:https?|no|all)_proxy)$/i;
/** Variables that change what podman, or the programs that it starts, do. */
const READ_BY_PODMAN = /^(?:LC_.*|LANG|LD_.*|GO.*|NOTIFY_SOCKET|LISTEN_.*|PODMAN_.*|_.*)$/;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** How long a question has from TERM to KILL, in milliseconds. */
const KILL_MS = 2_000;
/** How long streamed work has from TERM to KILL, in milliseconds. */
const STREAM_KILL_MS = 10_000;
/** How much of the end of stderr is kept of streamed work. */
const LAST_CHARS = 8 * 1024;

/** Whether a variable of this name means something to podman itself. */
export function isPodmanVariable(name: string): boolean {
  return INHERITED.test(name) || READ_BY_PODMAN.test(name);
}

export interface PodmanCall {
  /** What it is for, as in "Podman failed to …". */
  readonly action: string;
  readonly args: readonly string[];
  /** 0: none, for what takes as long as it takes. */
  readonly timeoutMs: number;
  /** Variables on top of those that Podman needs; only of `stream`. */
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads on standard input; only of `stream`. */
  readonly input?: Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long it may take to end by itself once `signal` aborts; only of `run`. 0 when absent. */
  readonly patienceMs?: number;
  /**
   * Where podman runs; the root directory when absent. The monitor it leaves with a container stays
   * there, and marks an out-of-memory kill with a file "oom" in it.
   */
  readonly directory?: string;
  /** Where podman puts files that it forgets when it is killed. */
  readonly temporaryDirectory?: string;
}

export interface PodmanResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class PodmanCli {
  readonly program: string;
  readonly #env: Record<string, string>;

  /**
   * @param program name or path of the podman executable
   * @param env the environment to take what Podman needs from
   */
  constructor(program: string, env: Readonly<Record<string, string | undefined>>) {
    this.program = program;
    // C.UTF-8: its messages are read here.
    this.#env = { LC_ALL: 'C.UTF-8' };
    for (const [name, value] of Object.entries(env)) {
      if (value !== undefined && INHERITED.test(name)) this.#env[name] = value;
    }
  }

  get path(): string {
    return this.#env.PATH ?? '/usr/local/bin:/usr/bin:/bin';
  }

  get home(): string | undefined {
    return this.#env.HOME;
  }

  /**
   * Runs podman and returns how it ended, whatever its exit code.
   * @throws RIVET_CONTAINER_PODMAN_MISSING, RIVET_CONTAINER_PODMAN_TIMEOUT,
   * RIVET_CONTAINER_PODMAN_FAILED
   *   (killed, or too much output); the signal's reason when it was aborted
   */
  async run(call: PodmanCall): Promise<PodmanResult> {
    await startTurn();
    call.signal?.throwIfAborted();
    const { signal, patienceMs = 0 } = call;
    const cancel = signal && delayedSignal(signal, patienceMs);
    const kept = { stdout: new KeptText(), stderr: new KeptText() };
    try {
      const ended = await runToEnd(
        {
          file: this.program,
          args: call.args,
          env: this.#env,
          directory: call.directory ?? '/',
          timeoutMs: call.timeoutMs,
          killAfterMs: KILL_MS,
          signal: cancel?.signal,
        },
        (name, bytes) => {
          if (!kept[name].add(bytes)) throw this.failure(call.action, 'it printed too much');
        },
      );
      signal?.throwIfAborted();
      return this.#read(call, ended, kept.stdout.text, kept.stderr.text);
    } finally {
      cancel?.dispose();
    }
  }

  #read(call: PodmanCall, ended: ProgramEnd, stdout: string, stderr: string): PodmanResult {
    if (ended.timedOut) {
      throw RivetError.of('RIVET_CONTAINER_PODMAN_TIMEOUT', {
        action: call.action,
        limit: formatDuration(call.timeoutMs),
      });
    }
    const { code, signal, error } = ended;
    if (error?.code === 'ENOENT' || error?.code === 'EACCES') {
      throw RivetError.of('RIVET_CONTAINER_PODMAN_MISSING', { program: this.program });
    }
    if (code === null) {
      throw this.failure(call.action, error?.message ?? `it was killed by ${signal}`);
    }
    return { exitCode: code, stdout, stderr };
  }

  /**
   * Like `run`, for work whose output is worth seeing: the sink gets it as it comes, and the end of
   * stderr is kept for the error.
   */
  async stream(call: PodmanCall, sink: OutputSink): Promise<PodmanResult> {
    await startTurn();
    call.signal?.throwIfAborted();
    let last = '';
    const ended = await runToEnd(
      {
        file: this.program,
        args: call.args,
        env: {
          ...this.#env,
          ...(call.temporaryDirectory === undefined ? {} : { TMPDIR: call.temporaryDirectory }),
          ...call.env,
        },
        directory: call.directory ?? '/',
        input: call.input,
        timeoutMs: call.timeoutMs,
        // A build that is told to end first ends its step.
        killAfterMs: STREAM_KILL_MS,
        signal: call.signal,
      },
      async (name, bytes) => {
        if (name === 'stderr') last = `${last}${Buffer.from(bytes).toString()}`.slice(-LAST_CHARS);
        await sink(name, bytes);
      },
    );
    call.signal?.throwIfAborted();
    return this.#read(call, ended, '', last);
  }

  /** Like `run`, but an exit code other than 0 is RIVET_CONTAINER_PODMAN_FAILED. */
  async expect(call: PodmanCall): Promise<string> {
    const result = await this.run(call);
    if (result.exitCode !== 0) throw this.failure(call.action, essence(result));
    return result.stdout;
  }

  /** Like `expect`, for output that is JSON. */
  async expectJson(call: PodmanCall): Promise<unknown> {
    const stdout = await this.expect(call);
    try {
      return JSON.parse(stdout === '' ? 'null' : stdout);
    } catch {
      throw RivetError.of('RIVET_CONTAINER_PODMAN_GARBAGE', {
        action: `podman ${call.args.join(' ')}`,
        found: JSON.stringify(stdout.slice(0, 200)),
        expected: 'JSON',
      });
    }
  }

  failure(action: string, reason: string): RivetError {
    const full = /no space left on device|disk quota exceeded/i.test(reason);
    return RivetError.of('RIVET_CONTAINER_PODMAN_FAILED', {
      action,
      reason,
      ...(full ? { hint: 'The disk is full. Free some space: podman system prune, df -h.' } : {}),
    });
  }
}

/** Output that is read when it is complete. */
class KeptText {
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;

  /** @returns false when it is more than anything that is asked of podman can be */
  add(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    return this.#bytes <= OUTPUT_BYTES_MAX;
  }

  /** Without the end of its last line. */
  get text(): string {
    return Buffer.concat(this.#chunks)
      .toString('utf8')
      .replace(/\r?\n$/, '');
  }
}

/** The line of stderr that says what is wrong. */
export function essence(result: PodmanResult): string {
  const lines = result.stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const line = lines.findLast((candidate) => /^error/i.test(candidate)) ?? lines.at(-1);
  const text = line?.replace(/^Error:\s*/i, '').slice(0, 1_000);
  return text === undefined || text === ''
    ? `exit code ${result.exitCode} without a message`
    : text;
}

/** Aborts so long after `signal` does; to be disposed when nobody needs it any more. */
function delayedSignal(signal: AbortSignal, ms: number) {
  if (ms === 0) return { signal, dispose: () => undefined };
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => late.abort(signal.reason), ms);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return {
    signal: late.signal,
    dispose() {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    },
  };
}
