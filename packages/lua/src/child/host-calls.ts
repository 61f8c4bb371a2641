// The functions through which Lua asks the engine for an effect: the calling thread waits, other
// branches run on.
import fengari, { type LuaState } from '../../vendor/fengari/src/index.js';
import type { ToChild, WireValue } from '../wire/messages.ts';
import { postpone, receive, send } from './channel.ts';
import { type FunctionRegistry, pushWire, TOO_LARGE, ValueError, ValueReader } from './convert.ts';
import { restartClock } from './limits.ts';
import { placeOf } from './places.ts';
import { raise } from './raised.ts';
import type { Branch, Scheduler } from './scheduler.ts';
import { textOf } from './text.ts';

const { lua, lauxlib, coroutines } = fengari;

type Answer = Extract<ToChild, { type: 'result' | 'failure' }>;

/** What a suspended thread waits for, and what `finish` puts on its stack when it has come. */
export interface Waiting {
  /** Waits without letting other branches run; not given where that is impossible. */
  readonly block?: () => void;
  readonly finish: (L: LuaState) => number;
}

/** A host call that is not answered, or whose branch has not gone on yet. */
interface Pending {
  readonly branch: Branch;
  readonly name: string;
  /** The one that made it: a coroutine, or that of the branch itself. */
  readonly thread: LuaState;
  answer: Answer | undefined;
}

/** Suspends the calling thread until someone wakes its branch. */
export function suspend(L: LuaState, waiting: Waiting): number {
  L.hostcall = waiting;
  return lua.lua_yieldk(L, 0, waiting, (thread) => {
    thread.hostcall = null;
    return waiting.finish(thread);
  });
}

export class HostCalls {
  readonly #scheduler: Scheduler;
  readonly #functions: FunctionRegistry;
  readonly #waiting = new Map<number, Pending>();
  #count = 0;

  constructor(scheduler: Scheduler, functions: FunctionRegistry) {
    this.#scheduler = scheduler;
    this.#functions = functions;
    coroutines.blocking = (_L, call) => {
      const { block } = call as Waiting;
      if (block === undefined) throw new Error('a call that cannot block was suspended');
      block();
    };
  }

  /** The Lua function that makes the host call `name`. */
  fixed(name: string): (L: LuaState) => number {
    return Object.assign((L: LuaState) => this.call(L, name, 1), { hostcall: name });
  }

  /** The Lua function whose first argument is the name of the host call that it makes. */
  named(): (L: LuaState) => number {
    const call = (L: LuaState) => this.call(L, textOf(lauxlib.luaL_checkstring(L, 1)), 2);
    return Object.assign(call, { hostcall: null });
  }

  /** The one that is under way, when there is no other. */
  get only(): Pending | undefined {
    const [first] = this.#waiting.values();
    return this.#waiting.size === 1 ? first : undefined;
  }

  /** Makes a host call with the arguments from index `first` of the stack on. */
  call(L: LuaState, name: string, first: number): number {
    const branch = this.#scheduler.running;
    if (!branch.hostCalls) refuse(L, name);
    const args = this.#readArguments(L, name, first);
    this.#count += 1;
    const call = this.#count;
    const sequence = branch.sequence + 1;
    const message = {
      type: 'host',
      call,
      branch: branch.name,
      sequence,
      name,
      args,
      place: placeOf(L),
    } as const;
    if (!send(message)) {
      throwValue(
        L,
        name,
        new ValueError('args', TOO_LARGE, 'smaller values, or data that commands read from files'),
      );
    }
    branch.sequence = sequence;
    this.#waiting.set(call, { branch, name, thread: L, answer: undefined });
    const waiting: Waiting = {
      block: () => this.#block(call),
      finish: (thread) => this.#finish(thread, call),
    };
    if (lua.lua_isyieldable(L)) return suspend(L, waiting);
    // Inside a callback of a native function, which cannot be suspended: the process waits.
    this.#block(call);
    return this.#finish(L, call);
  }

  /** An answer has arrived: its branch can go on. */
  settle(answer: Answer): void {
    const pending = this.#waiting.get(answer.call);
    if (pending === undefined || pending.answer !== undefined) {
      throw new Error(`an answer to call ${answer.call}, which is not waiting`);
    }
    pending.answer = answer;
    this.#scheduler.wake(pending.branch);
  }

  #block(call: number): void {
    const others: ToChild[] = [];
    for (;;) {
      const message = receive();
      if ((message.type === 'result' || message.type === 'failure') && message.call === call) {
        const pending = this.#waiting.get(call);
        if (pending !== undefined) pending.answer = message;
        break;
      }
      others.push(message);
    }
    postpone(others);
    restartClock();
  }

  #finish(L: LuaState, call: number): number {
    const answer = this.#waiting.get(call)?.answer;
    this.#waiting.delete(call);
    if (answer === undefined) throw new Error(`call ${call} goes on without an answer`);
    if (answer.type === 'failure') {
      raise(L, answer.message, { kind: 'host', error: answer.error });
    }
    for (const value of answer.values) pushWire(L, value, this.#functions);
    return answer.values.length;
  }

  #readArguments(L: LuaState, name: string, first: number): WireValue[] {
    const reader = new ValueReader(this.#functions);
    const args: WireValue[] = [];
    const base = L.top - lua.lua_gettop(L) - 1;
    for (let index = first; index <= lua.lua_gettop(L); index += 1) {
      const value = L.stack[base + index];
      try {
        args.push(reader.read(value, `args[${index - first + 1}]`));
      } catch (error) {
        if (error instanceof ValueError) throwValue(L, name, error);
        throw error;
      }
    }
    return args;
  }
}

function throwValue(L: LuaState, name: string, error: ValueError): never {
  const { found, expected } = error;
  const path = argumentPath(name, error.path);
  raise(L, `${path} is ${found}; expected ${expected}`, { kind: 'value', path, found, expected });
}

/** In an author's words: `args[2].stages[1]` is "argument 2 of output.set, at stages[1],". */
function argumentPath(name: string, path: string): string {
  const [, index, rest = ''] = /^args\[(\d+)\]\.?(.*)$/s.exec(path) ?? [];
  if (index === undefined) return `${name}: ${path}`;
  return `argument ${index} of ${name}${rest === '' ? '' : `, at ${rest},`}`;
}

function refuse(L: LuaState, name: string): never {
  const message = `${name} cannot be called here: effects are possible only inside functions that run later`;
  raise(L, message, { kind: 'refused', name });
}
