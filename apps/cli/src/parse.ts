// Parses the arguments of one command with commander; what is wrong becomes RIVET_USAGE with the
// nearest name.
import { didYouMean, RivetError } from '@rivet/base';
import { CommanderError, Command as Parser, Option as ParserOption } from 'commander';
import { type Command, type Option, optionName } from './command.ts';

export interface Parsed {
  readonly args: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * Parses `argv`, the words after the command's name.
 * @throws RIVET_USAGE naming the word, what was expected and the nearest known option
 */
export function parseCommand(name: string, command: Command, argv: readonly string[]): Parsed {
  const parser = new Parser(`rivet ${name}`)
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
    .helpOption(false);
  for (const [argument, { optional, many }] of Object.entries(command.arguments)) {
    const name = many === true ? `${argument}...` : argument;
    parser.argument(optional ? `[${name}]` : `<${name}>`);
  }
  for (const [option, definition] of Object.entries(command.options)) {
    parser.addOption(parserOption(option, definition));
  }
  try {
    parser.parse([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) throw usageError(name, command, error);
    throw error;
  }
  const wanted = Object.entries(command.arguments);
  const args = Object.fromEntries(
    wanted.map(([key, { many }], at) => [
      key,
      many === true ? parser.args.slice(at) : parser.args[at],
    ]),
  );
  const values = parser.opts<Record<string, unknown>>();
  const options = Object.entries(command.options).map(([key, definition]) => [
    key,
    optionValue(key, definition, values[key]),
  ]);
  return { args, options: Object.fromEntries(options) };
}

function parserOption(key: string, definition: Option): ParserOption {
  const name = optionName(key);
  if (definition.kind === 'flag') {
    const option = new ParserOption(name);
    // `--no-input` is a flag of its own here, not the opposite of `--input`.
    option.negate = false;
    return option;
  }
  const option = new ParserOption(`${name} <value>`);
  // The values are collected as text also where one is allowed, so that a second one is noticed.
  return option.argParser((value: string, before: string[] | undefined) => [
    ...(before ?? []),
    value,
  ]);
}

function optionValue(key: string, definition: Option, value: unknown): unknown {
  if (definition.kind === 'flag') return value === true;
  const texts = (value ?? []) as readonly string[];
  if (definition.kind === 'repeated') return texts;
  const [text, second] = texts;
  if (text === undefined) return undefined;
  const name = optionName(key);
  if (second !== undefined) {
    throw RivetError.of('RIVET_USAGE', {
      problem: `${name} was given more than once: ${JSON.stringify(text)} and ${JSON.stringify(second)}`,
      hint: 'Give it once.',
    });
  }
  const parsed = definition.parse(text);
  if (parsed === undefined) {
    const near = definition.choices === undefined ? '' : didYouMean(text, definition.choices);
    throw RivetError.of('RIVET_CONFIG_INVALID', {
      key: name,
      found: JSON.stringify(text),
      expected: definition.expected + near,
      hint: 'Correct the value of the option.',
    });
  }
  return parsed;
}

function usageError(name: string, command: Command, error: CommanderError): RivetError {
  const hint = `See the options and examples with: rivet ${name} --help`;
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  return RivetError.of('RIVET_USAGE', { problem: problemOf(command, error, quoted), hint });
}

function problemOf(command: Command, error: CommanderError, quoted: string): string {
  const wanted = Object.keys(command.arguments);
  switch (error.code) {
    case 'commander.unknownOption': {
      const known = [...Object.keys(command.options).map(optionName), '--help'];
      return `unknown option ${quoted}${didYouMean(quoted, known)}`;
    }
    case 'commander.missingArgument': {
      const summary = command.arguments[quoted]?.summary ?? '';
      return `${quoted.toUpperCase()} is missing: ${lowerFirst(summary)}`;
    }
    case 'commander.optionMissingArgument': {
      const option = quoted.split(' ', 1)[0] ?? quoted;
      const key = Object.keys(command.options).find((known) => optionName(known) === option);
      const definition = key === undefined ? undefined : command.options[key];
      const placeholder = definition?.kind === 'flag' ? undefined : definition?.placeholder;
      return `${option} needs a value: ${option} ${placeholder ?? 'VALUE'}`;
    }
    case 'commander.excessArguments':
      return wanted.length === 0
        ? 'this command takes no arguments'
        : `too many arguments; expected ${wanted.map((word) => word.toUpperCase()).join(' ')}`;
    default:
      return error.message.replace(/^error: /, '');
  }
}

/** A summary as the continuation of a sentence. */
function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
