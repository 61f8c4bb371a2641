// What a command of `rivet` is: its help text, arguments, options and action, in one typed value.
import type { LuaEngine } from '@rivet/lua';
import type { Environment } from './config.ts';
import type { DefinitionAhead } from './definition-ahead.ts';
import type { Interrupt } from './interrupt.ts';
import type { Output } from './output.ts';

/** `--name`: there or not. */
export interface FlagOption {
  readonly kind: 'flag';
  readonly summary: string;
}

/** `--name VALUE`. */
export interface ValueOption<T> {
  readonly kind: 'value';
  readonly placeholder: string;
  readonly summary: string;
  /** The values it may have, when there are few. */
  readonly choices: readonly string[] | undefined;
  /** Turns the text into the value; `expected` is said to who typed something else. */
  readonly parse: (text: string) => T | undefined;
  readonly expected: string;
}

/** `--name VALUE`, as often as wanted. */
export interface RepeatedOption {
  readonly kind: 'repeated';
  readonly placeholder: string;
  readonly summary: string;
}

export type Option = FlagOption | ValueOption<unknown> | RepeatedOption;
/** By camelCase name: `inputFile` is `--input-file` on the command line. */
export type Options = Readonly<Record<string, Option>>;
export type OptionsOf<O extends Options> = {
  readonly [K in keyof O]: O[K] extends FlagOption
    ? boolean
    : O[K] extends RepeatedOption
      ? readonly string[]
      : O[K] extends ValueOption<infer T>
        ? T | undefined
        : never;
};

export interface Argument {
  readonly summary: string;
  readonly optional: boolean;
  /** Takes all words that are left, also none. */
  readonly many?: boolean;
}
/** In the order of the command line; optional ones last. */
export type Arguments = Readonly<Record<string, Argument>>;
export type ArgumentsOf<A extends Arguments> = {
  readonly [K in keyof A]: A[K]['many'] extends true
    ? readonly string[]
    : A[K]['optional'] extends true
      ? string | undefined
      : string;
};

interface Example {
  readonly command: string;
  readonly what: string;
}

/** What every command is given. */
export interface CommandContext {
  readonly env: Environment;
  readonly cwd: string;
  readonly output: Output;
  readonly interrupt: Interrupt;
  /** Whether somebody sits in front of it who can be asked. */
  readonly interactive: boolean;
  /** The directory with what was built from the sources that are there; undefined: none. */
  readonly build: string | undefined;
  /** Opened before the command was loaded, where it certainly needs one; its session closes it. */
  readonly lua: LuaEngine | undefined;
  /** What is found out about the pipeline file meanwhile; undefined or absent: nothing is. */
  readonly definitionAhead?: DefinitionAhead | undefined;
}

export interface CommandText {
  /** More about it than the summary of the registry, in paragraphs. */
  readonly details?: string;
  readonly examples: readonly Example[];
  /** The shape of what `--json` prints, for the reference. */
  readonly json?: string;
}

/** A command; `run` gives the exit code. */
export interface Command extends CommandText {
  readonly arguments: Arguments;
  readonly options: Options;
  run(
    context: CommandContext,
    args: Readonly<Record<string, string | readonly string[] | undefined>>,
    options: Readonly<Record<string, unknown>>,
  ): Promise<number>;
}

export function flag(summary: string): FlagOption {
  return { kind: 'flag', summary };
}

export function text(placeholder: string, summary: string): ValueOption<string> {
  return {
    kind: 'value',
    placeholder,
    summary,
    choices: undefined,
    expected: 'text',
    parse: (value) => (value === '' ? undefined : value),
  };
}

export function choice<const T extends string>(
  placeholder: string,
  summary: string,
  choices: readonly T[],
): ValueOption<T> {
  return {
    kind: 'value',
    placeholder,
    summary,
    choices,
    expected: `one of ${choices.join(', ')}`,
    parse: (value) => choices.find((known) => known === value),
  };
}

export function integer(
  placeholder: string,
  summary: string,
  min: number,
  max: number,
): ValueOption<number> {
  return {
    kind: 'value',
    placeholder,
    summary,
    choices: undefined,
    expected: `a whole number from ${min} to ${max}`,
    parse: (value) => {
      const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
      return number >= min && number <= max ? number : undefined;
    },
  };
}

export function repeated(placeholder: string, summary: string): RepeatedOption {
  return { kind: 'repeated', placeholder, summary };
}

export function required(summary: string): Argument & { readonly optional: false } {
  return { summary, optional: false };
}

export function optional(summary: string): Argument & { readonly optional: true } {
  return { summary, optional: true };
}

/** As many words as there are; only the last argument can be one. */
export function many(summary: string): Argument & { readonly optional: true; readonly many: true } {
  return { summary, optional: true, many: true };
}

/** Makes a command whose action sees its arguments and options with their types. */
export function defineCommand<
  const A extends Arguments = Record<never, never>,
  const O extends Options = Record<never, never>,
>(
  definition: CommandText & {
    readonly arguments?: A;
    readonly options?: O;
    readonly run: (
      context: CommandContext,
      args: ArgumentsOf<A>,
      options: OptionsOf<O>,
    ) => Promise<number>;
  },
): Command {
  return {
    ...definition,
    arguments: definition.arguments ?? {},
    options: definition.options ?? {},
    // parse.ts makes exactly what the two declarations say.
    run: (context, args, options) =>
      definition.run(context, args as ArgumentsOf<A>, options as OptionsOf<O>),
  };
}

/** `inputFile` as it is typed: `--input-file`. */
export function optionName(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
