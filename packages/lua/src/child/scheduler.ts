// Runs branches: each is a Lua coroutine that runs until it makes a host call, and on when the
// engine has answered it. One branch runs at a time, in the order in which the answers arrive, so
// the same answers in the same order give the same course.
import fengari, { type LuaState, type Value } from '../../vendor/fengari/src/index.js';
import { restartClock } from './limits.ts';

const { lua } = fengari;

/** How a branch ended; the thread keeps the error on top of its stack and its frames. */
export type BranchEnd =
  | { readonly ok: true; readonly values: readonly Value[] }
  | { readonly ok: false; readonly thread: LuaState };

export class Branch {
  readonly name: string;
  readonly hostCalls: boolean;
  readonly thread: LuaState;
  readonly onEnd: (end: BranchEnd) => void;
  /** Host calls made so far. */
  sequence = 0;
  /** Branches started below this one so far. */
  children = 0;

  constructor(name: string, hostCalls: boolean, thread: LuaState, onEnd: (end: BranchEnd) => void) {
    this.name = name;
    this.hostCalls = hostCalls;
    this.thread = thread;
    this.onEnd = onEnd;
  }
}

export class Scheduler {
  readonly #main: LuaState;
  readonly #ready: { branch: Branch; args: number }[] = [];
  #running: Branch | undefined;
  readonly #alive = new Set<Branch>();

  constructor(main: LuaState) {
    this.#main = main;
  }

  /** The branch whose Lua is running. */
  get running(): Branch {
    if (this.#running === undefined) throw new Error('no branch is running');
    return this.#running;
  }

  /** The only branch that has not ended, undefined when there are none or several. */
  get only(): Branch | undefined {
    const [first] = this.#alive;
    return this.#alive.size === 1 ? first : undefined;
  }

  /** Makes a branch that will call `fn`; `runReady` starts it. */
  start(
    name: string,
    hostCalls: boolean,
    fn: Value,
    args: (thread: LuaState) => number,
    onEnd: (end: BranchEnd) => void,
  ): Branch {
    const thread = lua.lua_newthread(this.#main);
    lua.lua_pop(this.#main, 1);
    thread.isbranch = true;
    lua.lua_pushraw(thread, fn);
    const branch = new Branch(name, hostCalls, thread, onEnd);
    this.#alive.add(branch);
    this.#ready.push({ branch, args: args(thread) });
    return branch;
  }

  /** The host call of a branch is answered: `runReady` continues it. */
  wake(branch: Branch): void {
    this.#ready.push({ branch, args: 0 });
  }

  /** Runs every branch that can run, until all of them wait or have ended. */
  runReady(): void {
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) {
      this.#step(next.branch, next.args);
    }
  }

  #step(branch: Branch, args: number): void {
    const { thread } = branch;
    this.#running = branch;
    restartClock();
    const status = lua.lua_resume(thread, null, args);
    this.#running = undefined;
    if (status === lua.LUA_YIELD) return;
    this.#alive.delete(branch);
    if (status !== lua.LUA_OK) branch.onEnd({ ok: false, thread });
    else branch.onEnd({ ok: true, values: thread.stack.slice(1, thread.top) });
  }
}
