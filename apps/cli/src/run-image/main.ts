// Makes the image that `rivet run` starts from: a start-up snapshot of V8 with the command and the
// engine in it, whose modules take longer to load than all that the command does until it starts a
// container. What is out of the ordinary becomes `rivet` as it was built, in the same process.
import { join } from 'node:path';
import { startupSnapshot } from 'node:v8';
import { findBuild } from '@rivet/base';
import { contextOfProcess } from '../command-context.ts';
import { run } from '../commands/run.ts';
import { listenForDefinition } from '../definition-ahead.ts';
import { openEarly } from '../early-lua.ts';
import { asksForJson, reportError } from '../exit.ts';
import { installationRoot } from '../installation.ts';
import { parseCommand } from '../parse.ts';

/** The name of its stamp, and of its files in the build. */
const RUN_IMAGE = 'run-image';

const [, , directory] = process.argv;
if (directory === undefined) throw new Error('expected the directory of the build');
startupSnapshot.setDeserializeMainFunction(() => void main(directory));

async function main(build: string): Promise<void> {
  const [, root, , ...words] = process.argv;
  // The tree may have been moved, or a source have changed since; help is about all commands.
  const isFresh = root === installationRoot() && findBuild(root, RUN_IMAGE, build) !== undefined;
  if (!isFresh || process.pid === 1 || words.some((word) => /^(?:--help|-h)$/.test(word))) {
    becomeProgram(build, words);
  }
  const definitionAhead = listenForDefinition(process.env);
  const lua =
    definitionAhead === undefined ? await openEarly(['run', ...words], process.env) : undefined;
  const context = contextOfProcess({ build, lua, definitionAhead, exit: process.exit });
  let code: number;
  try {
    const { args, options } = parseCommand('run', run, words);
    code = await run.run(context, args, options);
  } catch (error) {
    code = await reportError(error, context.output, context.env, { json: asksForJson(words) });
  }
  process.exit(code);
}

/** With the same descriptors, variables and process id. */
function becomeProgram(build: string, words: readonly string[]): never {
  const program = join(build, 'rivet.cjs');
  const argv = [process.execPath, program, 'run', ...words];
  if (process.execve === undefined) throw new Error('this Node cannot become another program');
  return process.execve(process.execPath, argv, process.env);
}
