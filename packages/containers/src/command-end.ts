// How a command ended, and why, as far as that is seen from outside; and the signals that end one.
import { statfs } from 'node:fs/promises';
import { constants } from 'node:os';
import { RivetError } from '@rivet/base';
import type { CommandExit, RunningCommand } from './driver.ts';

/** With less room than this nothing can be written any more, in bytes. */
const DISK_BYTES_MIN = 64 * 1024;

/** What a command must know of its container. */
export interface CommandHost {
  readonly name: string;
  /** Its main process, as the host sees it. */
  readonly mainPid: number;
  /** Variables that every command has, under its own. */
  readonly env: Readonly<Record<string, string>>;
  isAlive(): Promise<boolean>;
  /** Whether Rivet ends it, or it has ended. */
  isEnding(): Promise<boolean>;
  /** Why it is not alive. */
  describeEnd(): Promise<string>;
  /** Whether the kernel killed a process of it for lack of memory since this was last asked. */
  ranOutOfMemory(): Promise<boolean>;
  /** How many processes a limit has refused it so far. */
  countRefusals(): number;
  /** Is told of a command that began where the one before it ended. */
  begunByItself(command: RunningCommand): void;
}

/**
 * The name of a signal without "SIG".
 * @throws RIVET_CONTAINER_COMMAND_INVALID when there is no such signal
 */
export function checkSignal(name: string): string {
  const signal = name.replace(/^SIG/, '');
  if (Object.hasOwn(constants.signals, `SIG${signal}`)) return signal;
  throw RivetError.of('RIVET_CONTAINER_COMMAND_INVALID', {
    field: 'the signal',
    found: JSON.stringify(name),
    expected: 'a name such as TERM, KILL, INT or HUP',
  });
}

/** What is known about the end of a command. */
export interface EndedCommand {
  /** The control directory, on the disk that its output lies on. */
  readonly directory: string;
  readonly exitCode: number;
  readonly failed?: CommandExit['cause'];
  readonly durationMs: number;
  /** What `countRefusals` gave when it began. */
  readonly refusedBefore: number;
  readonly followed: boolean;
}

/** Adds why it failed, as far as that can be seen from outside. */
export async function describeExit(host: CommandHost, ended: EndedCommand): Promise<CommandExit> {
  const { exitCode, failed, durationMs, followed } = ended;
  const cause = exitCode === 0 ? undefined : (failed ?? (await findCause(host, ended)));
  return { exitCode, signal: signalOf(exitCode), cause, durationMs, followed };
}

async function findCause(
  host: CommandHost,
  { directory, refusedBefore }: EndedCommand,
): Promise<CommandExit['cause']> {
  if (await host.ranOutOfMemory()) return 'out-of-memory';
  if (host.countRefusals() > refusedBefore) return 'process-limit';
  // What it printed about that may be lost: its output lies on the same disk.
  return (await isFull(directory)) ? 'disk-full' : undefined;
}

/** Whether the file system of `path` has no room left. */
async function isFull(path: string): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize < DISK_BYTES_MIN;
  } catch {
    return false;
  }
}

/**
 * The signal that an exit code stands for; a shell does not tell it from a program that chose the
 * code.
 */
function signalOf(exitCode: number): string | undefined {
  return SIGNALS.get(exitCode - 128);
}

/** The first name of each number: some signals have two. */
const SIGNALS: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals)
    .toReversed()
    .map(([name, number]) => [number, name]),
);
