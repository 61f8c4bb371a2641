// What every command is given, made from this process.
import { isatty } from 'node:tty';
import type { LuaEngine } from '@rivet/lua';
import type { CommandContext } from './command.ts';
import type { DefinitionAhead } from './definition-ahead.ts';
import { exitCodes } from './exit-codes.ts';
import { listenForInterrupts } from './interrupt.ts';
import { createOutput } from './output.ts';

export interface RivetProcess {
  /** The directory with what was built from the sources that are there; undefined: none. */
  readonly build: string | undefined;
  /** Opened for a command that needs it; undefined where that is not certain. */
  readonly lua: LuaEngine | undefined;
  readonly definitionAhead: DefinitionAhead | undefined;
  /** Ends the process at once: somebody asked for the third time. */
  exit(code: number): void;
}

/** From now on signals mean what the command makes of them. */
export function contextOfProcess({
  build,
  lua,
  definitionAhead,
  exit,
}: RivetProcess): CommandContext {
  const { env, stdout, stderr } = process;
  return {
    env,
    cwd: process.cwd(),
    output: createOutput({ stdout, stderr, env }),
    interrupt: listenForInterrupts(() => exit(exitCodes.interrupted)),
    // Questions go to standard error, so that a piped result does not forbid them.
    interactive: isatty(0) && isatty(2) && env.TERM !== 'dumb',
    build,
    lua,
    definitionAhead,
  };
}
