// Collects the inputs of a launch: a file, options on the command line, and questions for what is
// missing.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { describeThrown, RivetError } from '@rivet/base';
import { type InputChecker, inputsFromText, inputsInvalid, missingInputs } from '@rivet/pipeline';
import type { InputDefinition, InputValues, PipelineDefinition } from '@rivet/protocol';
import type { CommandContext } from './command.ts';
import { describeInput } from './describe-pipeline.ts';
import { askInput } from './prompts.ts';

/**
 * What was typed: `--input` pairs as they are, and the path of `--input-file`; `-` is standard
 * input.
 */
export interface GivenInputs {
  readonly pairs: readonly string[];
  readonly file: string | undefined;
  /** Whether missing ones may be asked for. */
  readonly ask: boolean;
  /** Whether they may be left out where nobody can be asked; false when absent. */
  readonly allowMissing?: boolean;
}

/**
 * The values given, with answers for required inputs that have none where somebody can be asked.
 * Options win over the file. Values of the file are not checked here: `InputChecker.check` or the
 * server does.
 * @param checker opened only when a question is asked
 * @throws RIVET_USAGE, RIVET_CLI_INPUT_FILE_INVALID, RIVET_INPUT_INVALID, RIVET_INPUT_MISSING,
 *   RIVET_INTERRUPTED
 */
export async function collectInputs(
  definition: PipelineDefinition,
  given: GivenInputs,
  context: CommandContext,
  checker: () => Promise<InputChecker>,
): Promise<InputValues> {
  const fromFile = given.file === undefined ? {} : await readInputFile(given.file, context);
  const { values, issues } = inputsFromText(definition, given.pairs.map(splitPair));
  if (issues.length > 0) throw inputsInvalid({ issues: [...issues], missing: [] });
  const known = { ...fromFile, ...values } as InputValues;
  const missing = missingInputs(definition, known);
  if (missing.length === 0) return known;
  if (!given.ask || !context.interactive) {
    if (given.allowMissing === true) return known;
    throw inputsMissing(missing);
  }
  for (const input of missing) {
    // What can be chosen may follow from the answers before.
    const opened = await checker();
    const asked = input.has_options === true ? await opened.resolve(input, known) : input;
    known[input.name] = await askInput(asked, context.interrupt.signal, (value) =>
      opened.checkOne(input.name, value, known),
    );
  }
  return known;
}

/** Says for each what it takes, as options that can be completed and pasted. */
function inputsMissing(missing: readonly InputDefinition[]): RivetError {
  const lines = missing.map((input) => `  --input ${input.name}=…   ${describeInput(input)}`);
  return RivetError.of('RIVET_INPUT_MISSING', {
    names: missing.map((input) => input.name).join(', '),
    missing: missing.map((input) => input.name),
    hint: ['Give each a value, or all in a JSON file with --input-file FILE:', ...lines].join('\n'),
  });
}

/** `name=value`; the value may hold more equals signs and may be empty. */
function splitPair(pair: string): [name: string, value: string] {
  const at = pair.indexOf('=');
  if (at > 0) return [pair.slice(0, at).trim(), pair.slice(at + 1)];
  throw RivetError.of('RIVET_USAGE', {
    problem: `--input ${JSON.stringify(pair)} is no name=value`,
    hint: 'Write --input name=value, for example --input branch=main.',
  });
}

/** The JSON object of an input file. */
async function readInputFile(
  path: string,
  context: CommandContext,
): Promise<Record<string, unknown>> {
  const name = path === '-' ? 'standard input' : path;
  const invalid = (problem: string, cause?: unknown): RivetError =>
    RivetError.of('RIVET_CLI_INPUT_FILE_INVALID', { path: name, problem }, cause);
  if (path === '-' && process.stdin.isTTY) {
    throw invalid(
      'nothing is piped into it; write a file name, or: rivet ... --input-file - < FILE',
    );
  }
  let text: string;
  try {
    text =
      path === '-'
        ? await readText(process.stdin)
        : await readFile(resolve(context.cwd, path), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw invalid(code === 'ENOENT' ? 'it does not exist' : describeThrown(error), error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw invalid(`it is not JSON: ${describeThrown(error)}`, error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(
      `found ${Array.isArray(value) ? 'a list' : JSON.stringify(value)}, expected one object`,
    );
  }
  return value as Record<string, unknown>;
}
