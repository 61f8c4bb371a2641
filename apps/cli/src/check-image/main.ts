// Makes the image of a process that is ready to answer `rivet check`, or to tell `rivet run` what
// its file defines: a start-up snapshot of V8 with the command and the Lua VM in it. One process
// then does what takes two otherwise. The launcher has the kernel bound its memory and time, and
// goes the other way when it gives up.
import { fstatSync } from 'node:fs';
import { Writable } from 'node:stream';
import { startupSnapshot } from 'node:v8';
import { findBuild, writeAll } from '@rivet/base';
import { type LocalEngine, loadLocalEngine } from '@rivet/lua';
import type { CommandContext } from '../command.ts';
import { check } from '../commands/check.ts';
import { exitCodes } from '../exit-codes.ts';
import { installationRoot } from '../installation.ts';
import { createOutput, type OutputStream } from '../output.ts';
import { parseCommand } from '../parse.ts';
import { tellDefinition } from './tell-definition.ts';

/** The name of its stamp, and of its files in the build. */
const CHECK_IMAGE = 'check-image';
/** Tells the launcher that nothing was written and all is still to be done. */
const GAVE_UP = 75;
/** Where the launcher puts standard error: what Node itself says is for nobody. */
const STDERR = 9;

/** What was printed, in order, until the answer is complete. */
type Printed = { readonly fd: number; readonly chunk: Uint8Array }[];

const [, , directory, rehearsal] = process.argv;
if (directory === undefined || rehearsal === undefined) {
  throw new Error('expected the directory of the build and the pipeline file to rehearse');
}
void prepare(directory, rehearsal);

/** Once: more would have V8 optimise for a pipeline that is none. */
async function prepare(build: string, file: string): Promise<void> {
  const engine = await loadLocalEngine(giveUp);
  const code = await answer({ engine, build, argv: [file], printed: [], env: {} });
  if (code !== exitCodes.success) throw new Error(`the rehearsal ended with ${code}`);
  engine.prepare();
  startupSnapshot.setDeserializeMainFunction(() => void main(engine, build));
}

async function main(engine: LocalEngine, build: string): Promise<void> {
  try {
    const [, root, command, ...argv] = process.argv;
    // The tree may have been moved, or a source have changed since.
    if (root !== installationRoot() || findBuild(root, CHECK_IMAGE, build) === undefined) giveUp();
    const env = { ...process.env };
    for (const name of Object.keys(env)) delete process.env[name];
    const printed: Printed = [];
    const question = { engine, build, argv, printed, env };
    const code = command === 'run' ? await define(question) : await answer(question);
    if (code !== exitCodes.success && code !== exitCodes.usage) giveUp();
    for (const { fd, chunk } of printed) writeAll(fd, chunk);
    process.exit(code);
  } catch {
    giveUp();
  }
}

interface Question {
  readonly engine: LocalEngine;
  readonly build: string;
  /** The words after the command. */
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly printed: Printed;
}

async function answer(question: Question): Promise<number> {
  const { args, options } = parseCommand('check', check, question.argv);
  return await check.run(contextOf(question), args, options);
}

/** Tells what the file defines, once it is found to be valid. */
async function define(question: Question): Promise<number> {
  const [file = ''] = question.argv;
  const told = await tellDefinition(file, contextOf({ ...question, printed: [] }));
  if (told === undefined) return exitCodes.usage;
  question.printed.push({ fd: 1, chunk: Buffer.from(told) });
  return exitCodes.success;
}

function contextOf({ engine, build, env, printed }: Question): CommandContext {
  const never = new AbortController().signal;
  return {
    env,
    cwd: process.cwd(),
    output: createOutput({ stdout: stream(1, printed), stderr: stream(STDERR, printed), env }),
    interrupt: { signal: never, force: never, trigger: () => undefined, close: () => undefined },
    interactive: false,
    build,
    lua: engine,
  };
}

function stream(fd: number, printed: Printed): OutputStream {
  const kept = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      printed.push({ fd, chunk });
      done();
    },
  });
  return Object.assign(kept, { isTTY: isTerminal(fd) });
}

function isTerminal(fd: number): boolean {
  try {
    if (!fstatSync(fd).isCharacterDevice()) return false;
  } catch {
    return false;
  }
  // Loading it takes longer than what a pipe needs in all.
  return process.getBuiltinModule('node:tty').isatty(fd);
}

function giveUp(): never {
  process.exit(GAVE_UP);
}
