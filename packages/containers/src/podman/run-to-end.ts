// Runs a program to its end: with a deadline, an end before it, and its output as it comes.
import { type ProcessExit, startProcess } from '@rivet/processes';
import type { OutputSink, OutputStream } from '../driver.ts';

export interface ProgramRun {
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
  /** What it reads on standard input. */
  readonly input?: Uint8Array | undefined;
  /** In milliseconds; 0: none. */
  readonly timeoutMs: number;
  /** How long it has from TERM to KILL, in milliseconds. */
  readonly killAfterMs: number;
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
}

export interface ProgramEnd extends ProcessExit {
  readonly timedOut: boolean;
}

/** Runs it in a process group of its own; rejects with what `sink` threw, when it has ended. */
export async function runToEnd(run: ProgramRun, sink: OutputSink): Promise<ProgramEnd> {
  const { file, args, env, directory, input, timeoutMs, killAfterMs, signal } = run;
  const program = startProcess({
    file,
    args,
    env,
    cwd: directory,
    stdin: input === undefined ? 'ignore' : 'pipe',
    // Ctrl-C at a terminal reaches Rivet, which ends things in order; not Podman in mid-work.
    group: true,
  });
  // It may end before it has read everything.
  program.stdin?.on('error', () => undefined);
  program.stdin?.end(input);
  const outputs = { stdout: program.stdout, stderr: program.stderr };

  /** The program alone, which ends what it has started in order. */
  const send = (name: NodeJS.Signals): void => {
    try {
      if (program.running && program.pid !== undefined) process.kill(program.pid, name);
    } catch {
      // It ended meanwhile.
    }
  };
  let timedOut = false;
  let isCut = false;
  let killing: NodeJS.Timeout | undefined;
  const end = (): void => {
    send('SIGTERM');
    killing ??= setTimeout(() => {
      send('SIGKILL');
      // What it has started may hold them open for as long as it likes.
      isCut = true;
      for (const output of Object.values(outputs)) output?.destroy();
    }, killAfterMs);
  };
  const pass = async (name: OutputStream): Promise<void> => {
    try {
      for await (const bytes of outputs[name] ?? []) await sink(name, bytes as Uint8Array);
    } catch (error) {
      if (isCut) return;
      end();
      throw error;
    }
  };

  const overdue = (): void => {
    timedOut = true;
    end();
  };
  const deadline = timeoutMs === 0 ? undefined : setTimeout(overdue, timeoutMs);
  if (signal?.aborted === true) end();
  else signal?.addEventListener('abort', end, { once: true });
  const passed = await Promise.allSettled([pass('stdout'), pass('stderr')]);
  const exit = await program.exit;
  clearTimeout(deadline);
  clearTimeout(killing);
  signal?.removeEventListener('abort', end);
  const failed = passed.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return { ...exit, timedOut };
}
