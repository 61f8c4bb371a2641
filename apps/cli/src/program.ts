// Finds the command that was asked for, runs it, and turns its end into an exit code.
import { didYouMean, RivetError } from '@rivet/base';
import type { Command, CommandContext } from './command.ts';
import { asksForJson, reportError } from './exit.ts';
import { exitCodes } from './exit-codes.ts';
import { allEntries, entriesOf, firstWords, type RegistryEntry } from './registry.ts';

/** Runs `rivet` with `argv`, the words after the program's name. Never throws. */
export async function runProgram(
  argv: readonly string[],
  context: CommandContext,
): Promise<number> {
  try {
    return await dispatch(argv, context);
  } catch (error) {
    return await reportError(error, context.output, context.env, { json: asksForJson(argv) });
  }
}

async function dispatch(argv: readonly string[], context: CommandContext): Promise<number> {
  const [first, second] = argv;
  if (first === undefined || isHelp(first)) return helpFor(argv.slice(1), context);
  if (first.startsWith('-')) {
    throw usage(`unknown option ${first}${didYouMean(first, ['--help', '--version'])}`);
  }
  const found = findEntry(argv);
  if (found === undefined) {
    const below = entriesOf(first);
    if (below.length === 0) {
      throw usage(`unknown command "${first}"${didYouMean(first, firstWords())}`);
    }
    if (second !== undefined && isHelp(second)) return helpFor([first], context);
    throw nounUsage(first, second, below);
  }
  const rest = argv.slice(found.path.length);
  const name = found.path.join(' ');
  if (asksForHelp(rest)) return helpFor(found.path, context);
  const command: Command = await found.load();
  const { parseCommand } = await import('./parse.ts');
  const { args, options } = parseCommand(name, command, rest);
  return await command.run(context, args, options);
}

/** `rivet help job list`, `rivet job list --help`, `rivet`. */
async function helpFor(words: readonly string[], context: CommandContext): Promise<number> {
  const { commandHelp, nounHelp, rootHelp } = await import('./help.ts');
  const { style } = context.output;
  const [first] = words;
  if (first === undefined) {
    context.output.line(rootHelp(style));
    return exitCodes.success;
  }
  const found = findEntry(words);
  if (found !== undefined) {
    context.output.line(commandHelp(found, await found.load(), style));
    return exitCodes.success;
  }
  const below = entriesOf(first);
  if (below.length === 0) {
    throw usage(`unknown command "${first}"${didYouMean(first, firstWords())}`);
  }
  if (words[1] !== undefined) throw nounUsage(first, words[1], below);
  context.output.line(nounHelp(first, style));
  return exitCodes.success;
}

function findEntry(words: readonly string[]): RegistryEntry | undefined {
  return allEntries().find((entry) => entry.path.every((word, at) => words[at] === word));
}

function isHelp(word: string): boolean {
  return word === '--help' || word === '-h' || word === 'help';
}

/** A word after `--` is an argument, whatever it looks like. */
function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  const before = end === -1 ? words : words.slice(0, end);
  return before.includes('--help') || before.includes('-h');
}

function usage(problem: string): RivetError {
  return RivetError.of('RIVET_USAGE', { problem, hint: 'See all commands with: rivet --help' });
}

function nounUsage(
  noun: string,
  verb: string | undefined,
  below: readonly RegistryEntry[],
): RivetError {
  const verbs = [...new Set(below.map((entry) => entry.path[1] ?? ''))];
  const deeper = below.filter(({ path }) => path[1] === verb).map(({ path }) => path[2] ?? '');
  const problem =
    verb === undefined
      ? `"rivet ${noun}" needs one of: ${verbs.join(', ')}`
      : deeper.length > 0
        ? `"rivet ${noun} ${verb}" needs one of: ${deeper.join(', ')}`
        : `unknown command "${noun} ${verb}"${didYouMean(verb, verbs)}`;
  const hint = `See what there is with: rivet ${noun} --help`;
  return RivetError.of('RIVET_USAGE', { problem, hint });
}
