// What every command is given, made from this process.
import { isatty } from 'node:tty';
import type { LuaEngine } from '@rivet/lua';
import type { CommandContext } from './command.ts';
import type { DefinitionAhead } from './definition-ahead.ts';
import { exitCodes } from './exit-codes.ts';
import { listenForInterrupts } from './interrupt.ts';
import { createOutput } from './output.ts';
import { runProgram } from './program.ts';

export interface RivetProcess {
  /** The directory with what was built from the sources that are there; undefined: none. */
  readonly build: string | undefined;
  /** Opened for a command that needs it; undefined where that is not certain. */
  readonly lua: LuaEngine | undefined;
  readonly definitionAhead: DefinitionAhead | undefined;
  /** Ends the process at once: somebody asked for the third time. */
  exit(code: number): void;
}

/** Runs `rivet` with the words of its command line; gives the exit code. */
export async function runRivet(
  argv: readonly string[],
  { build, lua, definitionAhead, exit }: RivetProcess,
): Promise<number> {
  const { env, stdout, stderr } = process;
  const output = createOutput({ stdout, stderr, env });
  const interrupt = listenForInterrupts(() => exit(exitCodes.interrupted));
  // Questions go to standard error, so that a piped result does not forbid them.
  const interactive = isatty(0) && isatty(2) && env.TERM !== 'dumb';
  const cwd = process.cwd();
  const context: CommandContext = {
    env,
    cwd,
    output,
    interrupt,
    interactive,
    build,
    lua,
    definitionAhead,
  };
  return await runProgram(argv, context);
}
