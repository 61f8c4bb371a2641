// What became of a process whose output is read as a whole.
import { text } from 'node:stream/consumers';
import type { HostProcess, ProcessExit } from './spawn.ts';

export interface ProcessOutcome extends ProcessExit {
  /** Empty where it has no pipe. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Reads all that a process says, and resolves when it has ended. Never rejects. */
export async function outcomeOf(started: HostProcess): Promise<ProcessOutcome> {
  const [stdout, stderr, exit] = await Promise.all([
    started.stdout === undefined ? '' : text(started.stdout),
    started.stderr === undefined ? '' : text(started.stderr),
    started.exit,
  ]);
  return { ...exit, stdout, stderr };
}
