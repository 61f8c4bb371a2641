// What a module is made of: host functions with typed parameters, and trusted Lua around them.
import { RivetError } from '@rivet/base';
import type { LuaValue, SourcePosition } from '@rivet/lua';
import type { Branch } from './branch.ts';
import type { CommandRequest } from './commands/command-request.ts';
import type { JobContext } from './job-context.ts';
import type { OptionsReader, Reader } from './value-readers.ts';

/** One parameter: its name in stubs and messages, and what it takes. */
export interface Parameter<T> {
  readonly name: string;
  readonly reader: Reader<T>;
  /** `undefined` is passed on when the script gave nil or nothing. */
  readonly optional: boolean;
}

export function required<T>(name: string, reader: Reader<T>): Parameter<T> {
  return { name, reader, optional: false };
}

export function optional<T>(name: string, reader: Reader<T>): Parameter<T | undefined> {
  return { name, reader: reader as Reader<T | undefined>, optional: true };
}

/** What the parameters take. */
export type Arguments<P extends readonly Parameter<unknown>[]> = {
  readonly [Index in keyof P]: P[Index] extends Parameter<infer T> ? T : never;
};

/** One host call on its way: who asks, and on behalf of which job. */
export interface ModuleCall {
  readonly name: string;
  readonly job: JobContext;
  readonly branch: Branch;
  readonly position: SourcePosition | undefined;
  /** How many arguments the script passed, trailing nils included. */
  readonly argumentCount: number;
  /** Counts the calls of the branch, from 1. */
  readonly sequence: number;
  /**
   * When an earlier process began it, which died before it ended, in milliseconds since 1970;
   * undefined otherwise.
   */
  readonly begunAtMs: number | undefined;
  /** Is called when the end of the call is in the journal: nobody will ask what it did. */
  onRecorded(action: () => void): void;
}

type Results = readonly LuaValue[];

/**
 * `nothing`: only its answer counted. `again`: it changed what the engine knows, and is performed
 * once more. Otherwise it brings about what such a call, which was answered with `results`, left.
 */
type ReplayedCall =
  | 'nothing'
  | 'again'
  | ((call: ModuleCall, results: Results, args: readonly LuaValue[]) => void | Promise<void>);

type Restore<Args extends readonly unknown[]> = (
  call: ModuleCall,
  results: Results,
  ...args: Args
) => void | Promise<void>;

/** A function that scripts, or the trusted Lua of its module, can call. */
export interface HostFunction {
  /** Whether scripts see it; the others serve the trusted Lua of the module. */
  readonly public: boolean;
  /**
   * Whether it acts on the outside: such a call is refused in conditions and in stages that are
   * being stopped.
   */
  readonly effect: boolean;
  /** `name`: its arguments are not written to the journal, as they are what is to be hidden. */
  readonly journal: 'call' | 'name';
  /** What is done instead when the journal has its answer; the answer is that of the journal. */
  readonly replay: ReplayedCall;
  /**
   * What is done when the journal has its beginning only: it is performed once more, also where it
   * must look first how far it came (`resume`), or the job ends as interrupted (`give-up`).
   */
  readonly interrupted: 'resume' | 'give-up';
  readonly parameters: readonly Parameter<unknown>[];
  /**
   * The one command that it runs, when that is all it does: what the arguments ask for.
   * @throws what calling it with them would
   */
  readonly command?: (name: string, args: readonly LuaValue[]) => CommandRequest;
  run(call: ModuleCall, args: readonly LuaValue[]): Promise<Results>;
}

/** A module of the Lua surface. */
export interface HostModule {
  readonly name: string;
  readonly functions: Readonly<Record<string, HostFunction>>;
  /** Names that scripts see although only trusted Lua implements them. */
  readonly luaFunctions?: readonly string[];
  /** Plain values that scripts see in it. */
  readonly fields?: readonly string[];
  /** Trusted Lua; see `LuaModuleSpec.source`. */
  readonly source?: string;
}

interface Traits<Args extends readonly unknown[]> {
  readonly public?: boolean;
  readonly effect?: boolean;
  readonly journal?: 'call' | 'name';
  /** `nothing` when absent. */
  readonly replay?: 'nothing' | 'again' | Restore<Args>;
  /** When absent: `give-up` for effects, which may be half done, `resume` for all else. */
  readonly interrupted?: 'resume' | 'give-up';
  readonly command?: (name: string, ...args: Args) => CommandRequest;
}

/** Declares a host function: arguments are read by `parameters` before `run` sees them. */
export function hostFunction<const P extends readonly Parameter<unknown>[]>(
  parameters: P,
  run: (call: ModuleCall, ...args: Arguments<P>) => Results | Promise<Results>,
  traits: Traits<Arguments<P>> = {},
): HostFunction {
  const { effect = false, replay = 'nothing', command } = traits;
  const read = (name: string, args: readonly LuaValue[]): Arguments<P> =>
    readArguments(name, parameters, args) as Arguments<P>;
  const restore =
    typeof replay === 'string'
      ? replay
      : (call: ModuleCall, results: Results, args: readonly LuaValue[]) =>
          replay(call, results, ...read(call.name, args));
  return {
    public: traits.public ?? true,
    effect,
    journal: traits.journal ?? 'call',
    replay: restore,
    interrupted: traits.interrupted ?? (effect ? 'give-up' : 'resume'),
    parameters,
    ...(command === undefined
      ? {}
      : { command: (name, args) => command(name, ...read(name, args)) }),
    async run(call, args) {
      return await run(call, ...read(call.name, args));
    },
  };
}

function readArguments(
  name: string,
  parameters: readonly Parameter<unknown>[],
  args: readonly LuaValue[],
): unknown[] {
  if (args.length > parameters.length) {
    throw RivetError.of('RIVET_CALL_ARGUMENT', {
      function: name,
      path: `argument ${parameters.length + 1}`,
      found: 'one too many',
      expected: parameters.length === 0 ? 'no arguments' : `at most ${parameters.length}`,
    });
  }
  return parameters.map((parameter, index) => {
    const value = args[index] ?? null;
    if (value === null && parameter.optional) return undefined;
    // The keys of an options table speak for themselves; other paths begin with the parameter.
    const path = isOptionsReader(parameter.reader) && value !== null ? '' : parameter.name;
    return parameter.reader.read(value, { function: name, path });
  });
}

function isOptionsReader(reader: Reader<unknown>): reader is OptionsReader<unknown> {
  return 'options' in reader;
}

/** The option names of a function, for the comparison with stubs and docs. */
export function optionNames(fn: HostFunction): readonly string[] {
  return fn.parameters.flatMap(({ reader }) => (isOptionsReader(reader) ? reader.options : []));
}

/** Takes the name of a Lua type; trusted Lua keeps the function itself and passes `type(fn)`. */
export const functionType: Reader<'function'> = {
  expected: 'a function',
  read(value, place) {
    if (value === 'function') return value;
    const found =
      value === 'nil' || typeof value !== 'string' ? String(value ?? 'nil') : `a ${value}`;
    throw RivetError.of('RIVET_CALL_ARGUMENT', {
      function: place.function,
      path: place.path,
      found,
      expected: this.expected,
    });
  },
};
