// `branches.run`, for Rivet's own Lua: runs functions at the same time, each as a branch below the
// caller's.
import fengari, { type LuaState, type Value } from '../../vendor/fengari/src/index.js';
import { errorOf } from './errors.ts';
import { suspend } from './host-calls.ts';
import { raise, remember, topOf } from './raised.ts';
import type { Branch, BranchEnd, Scheduler } from './scheduler.ts';
import { bytesOf } from './text.ts';

const { lua, lauxlib, lvalue } = fengari;

const TABLE = 5;
const OK = bytesOf('ok');
const ERROR = bytesOf('error');
const VALUE = bytesOf('value');
const VALUES = bytesOf('values');
const COUNT = bytesOf('n');
const SKIPPED = bytesOf('skipped');

interface Options {
  readonly max: number;
  readonly failFast: boolean;
}

/** The Lua function `branches.run(functions, { max =, fail_fast = })`. */
export function branchesRun(scheduler: Scheduler): (L: LuaState) => number {
  return (L) => {
    lauxlib.luaL_checktype(L, 1, TABLE);
    if (!canSuspend(L)) {
      const message =
        'branches cannot be started inside a callback of a native function such as table.sort or string.gsub';
      raise(L, message, { kind: 'error' });
    }
    const run = new Run(scheduler, readFunctions(L), readOptions(L));
    if (run.pump()) return run.finish(L);
    return suspend(L, run);
  };
}

/** Whether this thread and those that resumed it, up to the branch, can all be suspended. */
function canSuspend(L: LuaState): boolean {
  for (let thread: LuaState | null = L; thread !== null; thread = thread.resumer) {
    if (!lua.lua_isyieldable(thread)) return false;
  }
  return true;
}

class Run {
  readonly #scheduler: Scheduler;
  readonly #parent: Branch;
  readonly #functions: readonly Value[];
  readonly #options: Options;
  readonly #ends: (BranchEnd | undefined)[];
  readonly #firstChild: number;
  #next = 0;
  #running = 0;
  #failed = false;

  constructor(scheduler: Scheduler, functions: readonly Value[], options: Options) {
    this.#scheduler = scheduler;
    this.#parent = scheduler.running;
    this.#functions = functions;
    this.#options = options;
    this.#ends = new Array(functions.length);
    // Numbered by their place in the list, whatever order they start in.
    this.#firstChild = this.#parent.children + 1;
    this.#parent.children += functions.length;
  }

  /** Starts what may start; true when all is done. */
  pump(): boolean {
    while (this.#running < this.#options.max && this.#next < this.#functions.length) {
      if (this.#failed && this.#options.failFast) break;
      this.#startNext();
    }
    return this.#running === 0;
  }

  /** Pushes the list of results. */
  finish(L: LuaState): number {
    lua.lua_checkstack(L, 8);
    lua.lua_createtable(L, this.#ends.length, 0);
    for (let i = 0; i < this.#functions.length; i += 1) {
      pushEnd(L, this.#ends[i]);
      lua.lua_rawseti(L, -2, i + 1);
    }
    return 1;
  }

  #startNext(): void {
    const index = this.#next;
    const fn = this.#functions[index];
    if (fn === undefined) throw new Error('a branch without a function');
    this.#next += 1;
    this.#running += 1;
    const name = `${this.#parent.name}.${this.#firstChild + index}`;
    this.#scheduler.start(
      name,
      this.#parent.hostCalls,
      fn,
      () => 0,
      (end) => {
        this.#running -= 1;
        this.#ends[index] = end;
        if (!end.ok) {
          this.#failed = true;
          // The traceback of the branch goes with the error when the caller raises it again.
          remember(topOf(end.thread), errorOf(end.thread));
        }
        if (this.pump()) this.#scheduler.wake(this.#parent);
      },
    );
  }
}

function readFunctions(L: LuaState): Value[] {
  const functions: Value[] = [];
  for (let index = 1; ; index += 1) {
    lua.lua_pushinteger(L, index);
    lua.lua_rawget(L, 1);
    const value = topOf(L);
    lua.lua_pop(L, 1);
    if (value === undefined) return functions;
    if (!lvalue.isfunction(value)) raise(L, `branch ${index} is no function`, { kind: 'error' });
    functions.push(value);
  }
}

function readOptions(L: LuaState): Options {
  if (!lua.lua_istable(L, 2)) return { max: Number.POSITIVE_INFINITY, failFast: false };
  lua.lua_getfield(L, 2, bytesOf('max'));
  const max = lua.lua_isnil(L, -1) ? Number.POSITIVE_INFINITY : lua.lua_tointeger(L, -1);
  lua.lua_getfield(L, 2, bytesOf('fail_fast'));
  const failFast = lua.lua_toboolean(L, -1);
  lua.lua_pop(L, 2);
  if (max < 1) raise(L, `max is ${max}; expected a whole number from 1`, { kind: 'error' });
  return { max, failFast };
}

function pushEnd(L: LuaState, end: BranchEnd | undefined): void {
  lua.lua_createtable(L, 0, 4);
  lua.lua_pushboolean(L, end?.ok === true);
  lua.lua_setfield(L, -2, OK);
  if (end === undefined) {
    lua.lua_pushboolean(L, true);
    lua.lua_setfield(L, -2, SKIPPED);
  } else if (end.ok) {
    pushValues(L, end.values);
  } else {
    lua.lua_pushraw(L, topOf(end.thread));
    lua.lua_setfield(L, -2, ERROR);
  }
}

function pushValues(L: LuaState, values: readonly Value[]): void {
  const [first] = values;
  if (first !== undefined) {
    lua.lua_pushraw(L, first);
    lua.lua_setfield(L, -2, VALUE);
  }
  lua.lua_createtable(L, values.length, 1);
  values.forEach((value, i) => {
    lua.lua_pushraw(L, value);
    lua.lua_rawseti(L, -2, i + 1);
  });
  lua.lua_pushinteger(L, values.length);
  lua.lua_setfield(L, -2, COUNT);
  lua.lua_setfield(L, -2, VALUES);
}
