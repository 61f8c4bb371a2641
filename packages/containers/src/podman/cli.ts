// Runs podman: with a deadline, without a shell, and with errors a person can act on.
import { formatDuration, RivetError } from '@rivet/base';
import { startTurn } from '@rivet/processes';
import { execa } from 'execa';
import type { OutputSink, OutputStream } from '../driver.ts';

/** Variables of Rivet's own environment that Podman needs to find its storage and registries. */
const INHERITED =
  /^(?:PATH|HOME|USER|LOGNAME|TMPDIR|XDG_.*|CONTAINERS?_.*|STORAGE_.*|REGISTRY_AUTH_FILE|DBUS_SESSION_BUS_ADDRESS|SSL_CERT_.*|(?:https?|no|all)_proxy)$/i;
/** Variables that change what podman, or the programs that it starts, do. */
const READ_BY_PODMAN = /^(?:LC_.*|LANG|LD_.*|GO.*|NOTIFY_SOCKET|LISTEN_.*|PODMAN_.*|_.*)$/;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
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

/** What execa tells of a program's end. */
interface Ended {
  readonly timedOut: boolean;
  readonly code?: string | undefined;
  readonly exitCode?: number | undefined;
  readonly shortMessage?: string | undefined;
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
    const result = await execa(this.program, call.args, {
      env: this.#env,
      extendEnv: false,
      cwd: call.directory ?? '/',
      reject: false,
      stdin: 'ignore',
      timeout: call.timeoutMs,
      forceKillAfterDelay: 2_000,
      maxBuffer: OUTPUT_BYTES_MAX,
      // Ctrl-C at a terminal reaches Rivet, which ends things in order; not Podman in mid-work.
      detached: true,
      ...(cancel === undefined ? {} : { cancelSignal: cancel.signal }),
    });
    cancel?.dispose();
    call.signal?.throwIfAborted();
    return this.#read(call, result);
  }

  #read(call: PodmanCall, result: Ended): PodmanResult {
    if (result.timedOut) {
      throw RivetError.of('RIVET_CONTAINER_PODMAN_TIMEOUT', {
        action: call.action,
        limit: formatDuration(call.timeoutMs),
      });
    }
    if (result.code === 'ENOENT' || result.code === 'EACCES') {
      throw RivetError.of('RIVET_CONTAINER_PODMAN_MISSING', { program: this.program });
    }
    if (result.exitCode === undefined) {
      throw this.failure(call.action, result.shortMessage ?? 'it was killed');
    }
    return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
  }

  /**
   * Like `run`, for work whose output is worth seeing: the sink gets it as it comes, and the end of
   * stderr is kept for the error.
   */
  async stream(call: PodmanCall, sink: OutputSink): Promise<PodmanResult> {
    await startTurn();
    call.signal?.throwIfAborted();
    const abort = new AbortController();
    const signals = call.signal === undefined ? [abort.signal] : [abort.signal, call.signal];
    const running = execa(this.program, call.args, {
      env: {
        ...this.#env,
        ...(call.temporaryDirectory === undefined ? {} : { TMPDIR: call.temporaryDirectory }),
        ...call.env,
      },
      extendEnv: false,
      cwd: call.directory ?? '/',
      reject: false,
      ...(call.input === undefined ? { stdin: 'ignore' as const } : { input: call.input }),
      buffer: false,
      timeout: call.timeoutMs,
      // A build that is told to end first ends its step.
      forceKillAfterDelay: STREAM_KILL_MS,
      detached: true,
      cancelSignal: AbortSignal.any(signals),
    });
    let last = '';
    const pass = async (name: OutputStream, stream: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const bytes of stream) {
        if (name === 'stderr') last = `${last}${Buffer.from(bytes).toString()}`.slice(-LAST_CHARS);
        await sink(name, bytes);
      }
    };
    const passed = Promise.all([
      pass('stdout', running.stdout),
      pass('stderr', running.stderr),
    ]).catch((error: unknown) => {
      abort.abort(error);
      throw error;
    });
    const [output, result] = await Promise.allSettled([passed, running]);
    call.signal?.throwIfAborted();
    if (output.status === 'rejected') throw output.reason;
    if (result.status === 'rejected') throw result.reason;
    return this.#read(call, { ...result.value, stdout: '', stderr: last });
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
