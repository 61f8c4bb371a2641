// Starts host processes. The only place that imports node:child_process.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

export interface ProcessOptions {
  /** Program; looked up in PATH when it has no slash. */
  readonly file: string;
  readonly args?: readonly string[];
  /** The whole environment of the process; nothing is inherited. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** What the process has as standard input, output and error; `pipe` when absent. */
  readonly stdin?: 'pipe' | 'ignore' | 'inherit';
  readonly stdout?: 'pipe' | 'ignore' | 'inherit';
  readonly stderr?: 'pipe' | 'ignore' | 'inherit';
  /** Pipes in both directions from file descriptor 3 on. */
  readonly extraPipes?: number;
  /** Its own process group, so that a signal reaches everything it starts. */
  readonly group?: boolean;
  /**
   * Hard limit of writable private memory, in bytes (RLIMIT_DATA, which since Linux 4.7 counts
   * anonymous mappings too), set by `sh` before it becomes the program.
   */
  readonly dataBytesMax?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** How a process ended. `error` is set when it could not be started. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly error: NodeJS.ErrnoException | undefined;
}

/** A process that was started. */
export interface HostProcess {
  readonly pid: number | undefined;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** The extra pipes, from file descriptor 3 on. */
  readonly pipes: readonly (Readable & Writable)[];
  /**
   * Resolves when it has ended and its pipes are closed, or could not be started; never rejects.
   */
  readonly exit: Promise<ProcessExit>;
  readonly running: boolean;
  /** Sends a signal to the process, or to its group when it has one; false when it is gone. */
  kill(signal: NodeJS.Signals): boolean;
  /** TERM, and KILL after `graceMs`; resolves with its end. */
  stop(graceMs: number): Promise<ProcessExit>;
}

/** Starts a process; a program that does not exist shows in `exit`, not as an exception. */
export function startProcess(options: ProcessOptions): HostProcess {
  const { file, args } = withLimits(options);
  const extra = Array.from({ length: options.extraPipes ?? 0 }, () => 'pipe' as const);
  try {
    const child = spawn(file, args, {
      env: options.env ?? {},
      cwd: options.cwd,
      stdio: [
        options.stdin ?? 'pipe',
        options.stdout ?? 'pipe',
        options.stderr ?? 'pipe',
        ...extra,
      ],
      detached: options.group ?? false,
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
    return wrap(child, options);
  } catch (error) {
    // What no program can be given (a NUL byte) and some limits (E2BIG) are thrown at once.
    return failedProcess(error as NodeJS.ErrnoException);
  }
}

function failedProcess(error: NodeJS.ErrnoException): HostProcess {
  const ended: ProcessExit = { code: null, signal: null, error };
  return {
    pid: undefined,
    stdin: undefined,
    stdout: undefined,
    stderr: undefined,
    pipes: [],
    exit: Promise.resolve(ended),
    running: false,
    kill: () => false,
    stop: async () => ended,
  };
}

function wrap(child: ChildProcess, options: ProcessOptions): HostProcess {
  let running = true;
  const exit = new Promise<ProcessExit>((resolve) => {
    child.once('error', (error) => {
      // An error after the start (a signal that could not be sent) is no end.
      if (child.pid !== undefined) return;
      running = false;
      resolve({ code: null, signal: null, error });
    });
    child.once('exit', () => {
      running = false;
    });
    child.once('close', (code, signal) => resolve({ code, signal, error: undefined }));
  });
  const kill = (signal: NodeJS.Signals): boolean => {
    if (!running || child.pid === undefined) return false;
    try {
      // The group is addressed by the negative id of its leader (kill(2)).
      return process.kill(options.group === true ? -child.pid : child.pid, signal);
    } catch {
      return false;
    }
  };
  return {
    pid: child.pid,
    stdin: child.stdin ?? undefined,
    stdout: child.stdout ?? undefined,
    stderr: child.stderr ?? undefined,
    // One that was given no descriptors has no list of them either, whatever its type says.
    pipes: (child.stdio ?? []).slice(3) as unknown as (Readable & Writable)[],
    exit,
    get running() {
      return running;
    },
    kill,
    async stop(graceMs) {
      kill('SIGTERM');
      const timer = setTimeout(() => kill('SIGKILL'), graceMs);
      try {
        return await exit;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function withLimits(options: ProcessOptions): { file: string; args: string[] } {
  const args = [...(options.args ?? [])];
  if (options.dataBytesMax === undefined) return { file: options.file, args };
  const kilobytes = String(Math.ceil(options.dataBytesMax / 1024));
  // The program and its arguments are parameters of the shell, never part of its script.
  const script = 'ulimit -d "$0" && exec "$@"';
  return { file: '/bin/sh', args: ['-c', script, kilobytes, options.file, ...args] };
}
