// Starts a program of the installation so that it ends with us, also when we are killed.
import { constants } from 'node:os';
import type { Program } from '@rivet/base';
import { type HostProcess, type ProcessExit, startProcess } from '@rivet/processes';
import { entryOf } from './installation.ts';

/**
 * Waits for the program, and beside it for the end of standard input: the pipe to whoever started
 * us breaks when that one is gone, however it went. The group's TERM is for the program alone.
 */
const GUARD = `
trap '' TERM
exec 3<&0
( trap - TERM; exec "$@" ) </dev/null 3<&- &
program=$!
( read -r _ <&3; kill -TERM "$program" ) >/dev/null 2>&1 &
guard=$!
wait "$program"
code=$?
kill -KILL "$guard"
exit "$code"
`;

/**
 * How a guarded program ended, in words that continue "the runner ended"; the shell tells signals
 * as 128 + n.
 */
export function describeEnd({ code, signal, error }: ProcessExit): string {
  if (error !== undefined) return `before it began: ${error.message}`;
  const name = signal ?? (code !== null && code > 128 ? signalName(code - 128) : undefined);
  return name === undefined ? `with exit code ${code}` : `by signal ${name}`;
}

function signalName(number: number): string {
  const names = Object.entries(constants.signals);
  return names.find(([, value]) => value === number)?.[0] ?? String(number);
}

/**
 * @param options.stdout `pipe` to read it, `inherit` where it is the user's
 * @param options.stderr as `stdout`; the user's when absent
 * @param options.args of the program
 */
export function startGuarded(
  program: Program,
  env: Readonly<Record<string, string | undefined>>,
  options: {
    stdout: 'pipe' | 'inherit';
    stderr?: 'pipe' | 'inherit';
    args?: readonly string[];
  },
): HostProcess {
  const child = startProcess({
    file: '/bin/sh',
    // Paths are parameters of the script, never part of it.
    args: [
      ...['-c', GUARD, 'rivet', process.execPath, entryOf(program, env)],
      ...(options.args ?? []),
    ],
    env,
    stdin: 'pipe',
    stdout: options.stdout,
    stderr: options.stderr ?? 'inherit',
    group: true,
  });
  child.stdin?.on('error', () => undefined);
  return child;
}
