// The Lua process: holds one program at a time and does what the engine says, one message after the
// other.
import type { ToChild, WireProgram } from '../wire/messages.ts';
import { receive, send } from './channel.ts';
import { liftLimits } from './limits.ts';
import { forgetCompiled, keepingCompiled, precompile } from './modules.ts';
import { Program, type Surroundings } from './program.ts';

/** Does what the engine says until it is gone; never returns. */
export function serve(): void {
  try {
    send({ type: 'ready' });
    let program: Program | undefined;
    for (;;) {
      program = deliver(program);
      program.run();
    }
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    send({ type: 'broken', reason: reason.slice(0, 2000) });
    process.exit(70);
  }
}

/** A function of its own, so that nothing holds the message, which may be large, while Lua runs. */
function deliver(program: Program | undefined): Program {
  return follow(program, receive());
}

/**
 * Does what a message says, up to where Lua runs.
 * @param program the one of this process so far
 * @returns the one that is to run
 */
export function follow(program: Program | undefined, message: ToChild): Program {
  if (message.type === 'open') return open(message);
  if (program === undefined) throw new Error(`the first message is ${message.type}`);
  program.handle(message);
  return program;
}

/** Made before there was a program, for the first one that sees the same. */
let prepared: { readonly key: string; readonly program: Program } | undefined;

/**
 * Makes all that a program needs besides its files, for the next one if it sees what this one sees;
 * one that does not has the Lua of its modules compiled.
 */
export function prepare(program: WireProgram): void {
  precompile(program.modules);
  prepared = {
    key: keyOf(program),
    program: keepingCompiled(program.modules, () => new Program(program)),
  };
}

function keyOf({ modules, globals }: Surroundings): string {
  return JSON.stringify([modules.map((module) => ({ ...module, facts: null })), globals]);
}

/** The program before, if there was one, has nothing left to do. */
function open({ id, program }: Extract<ToChild, { type: 'open' }>): Program {
  liftLimits();
  const ready = prepared;
  prepared = undefined;
  const fits = ready !== undefined && ready.key === keyOf(program);
  if (fits) forgetCompiled(program.modules);
  const opened = fits ? ready.program : new Program(program);
  opened.load(program);
  send({ type: 'done', id, values: [], positions: [] });
  return opened;
}
