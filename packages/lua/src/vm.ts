// The contract of the Lua engine: a program, the host that performs its effects, the VM that runs
// it.
import type { RivetError } from '@rivet/base';
import type { LuaFunction, LuaValue, SourcePosition } from './values.ts';

/** What one VM may use. Reaching one of them ends the VM: a script cannot catch it. */
export interface LuaLimits {
  /** CPU time between two host calls, in milliseconds. */
  readonly cpuMs: number;
  /** Memory of the Lua process above what it needs when idle, in bytes. */
  readonly memoryBytes: number;
}

/** A table of host functions that the script sees under a global name, such as `process`. */
export interface LuaModuleSpec {
  readonly name: string;
  /** Functions that are host calls named `<module>.<function>`. */
  readonly functions: readonly string[];
  /** Plain values of the table, which `source` finds in it. */
  readonly fields?: Readonly<Record<string, LuaValue>>;
  /**
   * Plain values of the table that differ from program to program, such as `job.id`. They are there
   * only after `source` has run, so that all the rest of a program can be made before it is known.
   */
  readonly facts?: Readonly<Record<string, LuaValue>>;
  /**
   * Trusted Lua that completes the module: a chunk called with (module, host, branches), where
   * `host.call(name, ...)` makes the host call `name` (also one that is not in `functions`),
   * `host.keep` is a handler for `xpcall` with which an error keeps its place and traceback when it
   * is raised again by `error(value, 0)`, and `branches.run(functions, { max, fail_fast })` runs
   * functions at the same time, each as a branch of the caller's. It returns one table for each, in
   * order: `{ ok = true, value = first, values = { n =, … } }`, `{ ok = false, error = … }`, or `{
   * ok = false, skipped = true }` for one that was not started because `fail_fast` was given and
   * another failed before (those that run are let finish). `error(result.error, 0)` raises it again
   * with its code and traceback. Functions the chunk defines count as Rivet's own: they are left
   * out of tracebacks, and errors they raise point at the line of the user that called them. Its
   * globals are a copy that scripts cannot change.
   */
  readonly source?: string;
}

/** A Lua program: its files, what it sees, and the seed of its randomness. */
export interface LuaProgram {
  /** Name of the file that is run, a key of `files`. */
  readonly main: string;
  /**
   * The main file and whatever `require("a.b")` may load (`a/b.lua` or `a/b/init.lua`), by path.
   */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  readonly modules: readonly LuaModuleSpec[];
  /** `math.random` is seeded from it, so that a re-run takes the same course. */
  readonly seed: string;
  /** What `os.getenv` answers. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Global functions by name, each the `module.function` it stands for, such as `print`:
   * `log.print`.
   */
  readonly globals?: Readonly<Record<string, string>>;
  /**
   * Host calls by name that are foreseen, each with what its answer is taken to be; none when
   * absent.
   */
  readonly expected?: Readonly<Record<string, ExpectedAnswer>>;
}

/** What the answer of a host call is taken to be before it is there: see `LuaHost.foreseen`. */
export interface ExpectedAnswer {
  /** Fields of the table that is its first and only result, which may have others. */
  readonly fields: Readonly<Record<string, string | number | boolean>>;
  /** Fields that will be integers of which no more is known. */
  readonly integers: readonly string[];
}

/** A request of the script for an effect. */
export interface HostCall {
  /**
   * The branch that asks: that of `LuaVm.call`, extended by `.n` inside of `branches.run`, where n
   * counts the functions that the branch above has given to `branches.run` so far.
   */
  readonly branch: string;
  /** Counts the host calls of the branch, from 1. */
  readonly sequence: number;
  /** `<module>.<function>`. */
  readonly name: string;
  readonly args: readonly LuaValue[];
  /** The line of the script that made the call. */
  readonly position: SourcePosition | undefined;
}

/** Performs the effects of a script. */
export interface LuaHost {
  /**
   * Performs one call; several may be under way, one a branch. Rejecting raises a Lua error whose
   * message is `file:line: message`, which the script may catch; a RivetError keeps its code when
   * it ends the script uncaught.
   */
  call(call: HostCall): Promise<readonly LuaValue[]>;
  /**
   * What the script calls next, told while the call before it in its branch is under way: it surely
   * does if that is answered as `LuaProgram.expected` says, and nothing else runs in the VM before.
   * Told at most once for each call under way, and only of calls in `expected`; often not at all.
   */
  foreseen?(call: HostCall): void;
}

/** What the evaluation of the main file returned. */
export interface LuaEvaluation {
  readonly values: readonly LuaValue[];
  /**
   * Where each field of a returned table was set, by path: `1` is the first value,
   * `1.stages[2].needs[1]` a field of it. Keys that are no identifiers are written `["a b"]`.
   */
  readonly positions: ReadonlyMap<string, SourcePosition>;
}

/** A running program. The process behind it is killed by `close`, a limit or a defect. */
export interface LuaVm {
  /**
   * Runs the main file. Host calls are refused with an error that names the call and the line.
   * @throws RIVET_LUA_SYNTAX, RIVET_LUA_ERROR, RIVET_LUA_CPU_LIMIT, RIVET_LUA_MEMORY_LIMIT
   */
  evaluate(): Promise<LuaEvaluation>;
  /**
   * Calls a function of the program; several calls run at the same time, each in its own branch.
   * @param options.branch name of the branch, unique among the calls of this VM
   * @param options.results `truth` gives one boolean, whether the first result counts as true in
   *   Lua: then a function may return what cannot leave the VM
   * @throws like `evaluate`, and RIVET_LUA_CLOSED after `close`; a RivetError of the host that the
   * script did not catch comes
   *   out with its own code, `details.position` and `details.traceback`
   */
  call(
    fn: LuaFunction,
    args: readonly LuaValue[],
    options: { branch: string; hostCalls?: 'allowed' | 'refused'; results?: 'values' | 'truth' },
  ): Promise<readonly LuaValue[]>;
  /**
   * From now on the program is ended with `error` when it computes for more than `cpuMs` without a
   * host call: a job that is canceled need not wait for the limit. Until the returned function is
   * called.
   */
  hurry(cpuMs: number, error: RivetError): () => void;
  /** False once it was closed, reached a limit or lost its process: every call is refused then. */
  readonly running: boolean;
  /**
   * Kills the process; calls under way reject with RIVET_LUA_CLOSED. Resolves when the process is
   * gone. Safe to call twice.
   */
  close(): Promise<void>;
  /**
   * The same without waiting: nothing of the program runs any more, but the kernel needs some
   * milliseconds to take back its memory. Closing the engine waits for that.
   */
  end(): void;
}

/** Starts VMs, each in a process of its own. Keeps one process ready. */
export interface LuaEngine {
  open(program: LuaProgram, host: LuaHost, limits: LuaLimits): Promise<LuaVm>;
  /** Kills every process it started. */
  close(): Promise<void>;
}
