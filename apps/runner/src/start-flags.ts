// What V8 must be told before it runs its first line: the program starts itself once more with it.
import { setFlagsFromString } from 'node:v8';

/** Nothing is small enough to become machine code. */
const NOTHING_HOT = '--max-optimized-bytecode-size=0';
/** As V8 has it: while any flag is another one it takes nothing that is compiled in Node's binary. */
const USUAL = '--max-optimized-bytecode-size=61440';
/** What a runner needs of Node before its first job. */
const MODULES = [
  'child_process',
  'fs/promises',
  'http',
  'net',
  'os',
  'stream',
  'timers/promises',
  'url',
  'util',
];

/**
 * Replaces this process by one of the same program in which V8 has compiled nothing that is hot,
 * where Node can: its own start goes through the path of the program letter by letter, and a
 * compiler that ran for that stays resident with 2 MB. In that one, and where there can be none, it
 * loads what the program needs of Node, while V8 takes what is compiled in Node's binary.
 */
export function startWithFlags(): void {
  const { execPath, execArgv, argv, env } = process;
  if (!execArgv.includes(NOTHING_HOT)) {
    process.execve?.(execPath, [execPath, ...execArgv, NOTHING_HOT, ...argv.slice(1)], env);
  }
  setFlagsFromString(USUAL);
  for (const name of MODULES) process.getBuiltinModule(name);
}
