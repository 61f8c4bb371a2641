// The help texts: examples first, then usage, arguments and options. docs/reference/cli.md is made
// from the same values.
import { type Command, type Option, optionName } from './command.ts';
import { exitCodeMeanings } from './exit-codes.ts';
import type { Style } from './output.ts';
import { entriesOf, type RegistryEntry, registry } from './registry.ts';

/** The help of the whole program. */
export function rootHelp(style: Style): string {
  const sections = registry.map((group) =>
    [style.bold(group.title), summaries(group.entries)].join('\n'),
  );
  return [
    `${style.bold('rivet')}: pipelines are Lua scripts that really run, every command in a container`,
    [
      style.bold('Start here'),
      '  rivet doctor               look whether this machine has what is needed',
      '  rivet init                 write a first pipeline.lua',
      '  rivet run pipeline.lua     run it here, without a server',
    ].join('\n'),
    ...sections,
    [
      style.bold('Exit codes'),
      ...exitCodeMeanings.map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}`),
    ].join('\n'),
    'Every command has --help with examples. rivet --version prints the version.',
  ].join('\n\n');
}

/** The help of a noun: its commands. */
export function nounHelp(noun: string, style: Style): string {
  return [
    `${style.bold(`rivet ${noun}`)} COMMAND`,
    summaries(entriesOf(noun)),
    `Examples: rivet ${noun} COMMAND --help`,
  ].join('\n\n');
}

/** The help of a command. */
export function commandHelp(entry: RegistryEntry, command: Command, style: Style): string {
  const name = entry.path.join(' ');
  const examples = command.examples.flatMap(({ command: line, what }) => [
    `  ${style.cyan(line)}`,
    `      ${what}`,
  ]);
  const parts = [
    `${style.bold(`rivet ${name}`)}: ${lowerFirst(entry.summary)}`,
    [style.bold('Examples'), ...examples].join('\n'),
    [style.bold('Usage'), `  ${usageLine(name, command)}`].join('\n'),
  ];
  const args = Object.entries(command.arguments).map(
    ([key, { summary }]) => [key.toUpperCase(), summary] as const,
  );
  if (args.length > 0) parts.push([style.bold('Arguments'), ...columns(args)].join('\n'));
  const options = Object.entries(command.options).map(
    ([key, option]) => [optionUsage(key, option), optionSummary(option)] as const,
  );
  parts.push(
    [style.bold('Options'), ...columns([...options, ['-h, --help', 'Show this help']])].join('\n'),
  );
  if (command.details !== undefined) parts.push(command.details);
  return parts.join('\n\n');
}

/** `rivet run FILE [options]`. */
export function usageLine(name: string, command: Command): string {
  const args = Object.entries(command.arguments).map(([key, { optional, many }]) => {
    const name = many === true ? `${key.toUpperCase()}...` : key.toUpperCase();
    return optional ? `[${name}]` : name;
  });
  const options = Object.keys(command.options).length > 0 ? ['[options]'] : [];
  return ['rivet', name, ...args, ...options].join(' ');
}

/** `--input name=value`. */
export function optionUsage(key: string, option: Option): string {
  return option.kind === 'flag' ? optionName(key) : `${optionName(key)} ${option.placeholder}`;
}

/** What an option does, with what it may be. */
export function optionSummary(option: Option): string {
  if (option.kind === 'repeated') return `${option.summary}; may be repeated`;
  if (option.kind === 'value' && option.choices !== undefined) {
    return `${option.summary}: ${option.choices.join(', ')}`;
  }
  return option.summary;
}

function summaries(entries: readonly RegistryEntry[]): string {
  const rows = entries.map(({ path, summary }) => [path.join(' '), summary] as const);
  return columns(rows, 20).join('\n');
}

function columns(rows: readonly (readonly [string, string])[], least = 0): string[] {
  const width = Math.max(least, ...rows.map(([name]) => name.length));
  return rows.map(([name, summary]) => `  ${name.padEnd(width)}  ${summary}`);
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
