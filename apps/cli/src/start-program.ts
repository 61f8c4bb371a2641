// Runs another program of the installation in the foreground: its output is ours, signals go to it.

import { type Program, RivetError } from '@rivet/base';
import type { CommandContext } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { describeEnd, startGuarded } from './guarded-program.ts';

/**
 * Starts the program and waits for its end. It has a process group of its own: what Ctrl-C means
 * reaches it once, through us.
 * @param env what to set besides our own environment
 * @param args of the program
 * @returns its exit code, 130 when a signal ended it after one was passed on
 * @throws RIVET_CLI_PROGRAM_ENDED when it could not be started or was killed
 */
export async function startProgram(
  program: Program,
  env: Readonly<Record<string, string | undefined>>,
  context: CommandContext,
  args: readonly string[] = [],
): Promise<number> {
  const { interrupt } = context;
  const child = startGuarded(program, { ...context.env, ...env }, { stdout: 'inherit', args });
  const pass = (): void => void child.kill('SIGTERM');
  interrupt.signal.addEventListener('abort', pass, { once: true });
  interrupt.force.addEventListener('abort', pass, { once: true });
  if (interrupt.signal.aborted) pass();
  // A third signal ends us at once: nothing of ours may stay behind.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const exit = await child.exit;
  process.off('exit', kill);
  // Above 128 a signal ended it.
  if (exit.code !== null && exit.code <= 128) return exit.code;
  if (interrupt.signal.aborted) return exitCodes.interrupted;
  throw RivetError.of('RIVET_CLI_PROGRAM_ENDED', { program, how: describeEnd(exit) });
}
