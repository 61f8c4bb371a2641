// A program in the Lua process: its state, its files, its modules, and what the engine asks of it.
import fengari, { type LuaState, type Value } from '../../vendor/fengari/src/index.js';
import type { FromChild, ToChild, WireError, WireProgram, WireValue } from '../wire/messages.ts';
import { send } from './channel.ts';
import { FunctionRegistry, pushWire, TOO_LARGE, ValueError, ValueReader } from './convert.ts';
import { errorOf, syntaxErrorOf } from './errors.ts';
import { Foresight } from './foresight.ts';
import { HostCalls } from './host-calls.ts';
import { setLimits } from './limits.ts';
import { defineModules, setFacts } from './modules.ts';
import { topOf } from './raised.ts';
import { Files } from './require.ts';
import { createState, seedRandomness } from './sandbox.ts';
import { type BranchEnd, Scheduler } from './scheduler.ts';
import { bytesOf } from './text.ts';

const { lua, marks } = fengari;

/** What a program sees besides its files, its variables and the facts of its modules. */
export type Surroundings = Pick<WireProgram, 'modules' | 'globals'>;

/** One program; a process may hold another after it. */
export class Program {
  readonly #L: LuaState;
  /** What `os.getenv` answers. */
  readonly #env = new Map<string, string>();
  #main = '';
  #files = new Files(new Map(), '');
  readonly #functions = new FunctionRegistry();
  readonly #scheduler: Scheduler;
  readonly #hostCalls: HostCalls;
  readonly #foresight: Foresight;

  /** @param surroundings what the program sees, in which no file was run yet */
  constructor(surroundings: Surroundings) {
    this.#L = createState(this.#env);
    this.#scheduler = new Scheduler(this.#L);
    this.#hostCalls = new HostCalls(this.#scheduler, this.#functions);
    this.#foresight = new Foresight(this.#scheduler, this.#hostCalls);
    lua.lua_pushcfunction(this.#L, (L) => this.#files.require(L));
    lua.lua_setglobal(this.#L, bytesOf('require'));
    defineModules(this.#L, surroundings, {
      hostCalls: this.#hostCalls,
      scheduler: this.#scheduler,
      functions: this.#functions,
    });
  }

  /** Takes the files of a program with these surroundings; from here on its limits count. */
  load({ main, files, modules, seed, env, expected, cpuMs, memoryBytes }: WireProgram): void {
    this.#main = main;
    this.#foresight.expect(expected);
    for (const [name, value] of env) this.#env.set(name, value);
    setFacts(this.#L, modules, this.#functions);
    seedRandomness(seed);
    const bytes = files.map(
      ([path, source]) => [path, new Uint8Array(Buffer.from(source, 'base64'))] as const,
    );
    this.#files = new Files(new Map(bytes), main);
    setLimits(cpuMs, memoryBytes);
  }

  handle(message: ToChild): void {
    if (message.type === 'evaluate') this.#evaluate(message.id);
    else if (message.type === 'call') this.#call(message);
    else if (message.type !== 'open') this.#hostCalls.settle(message);
  }

  /** Runs until every branch waits, and looks ahead. */
  run(): void {
    this.#scheduler.runReady();
    this.#foresight.tell();
  }

  #evaluate(id: number): void {
    if (this.#files.load(this.#L, this.#main) !== lua.LUA_OK) {
      send({ type: 'failed', id, error: syntaxErrorOf(this.#L) });
      lua.lua_pop(this.#L, 1);
      return;
    }
    const chunk = topOf(this.#L);
    marks.state.on = true;
    this.#scheduler.start(
      'evaluate',
      false,
      chunk,
      () => 0,
      (end) => {
        marks.state.on = false;
        this.#report(id, end, new ValueReader(this.#functions, true));
      },
    );
    lua.lua_pop(this.#L, 1);
  }

  #call({ id, fn, args, branch, hostCalls, truth }: Extract<ToChild, { type: 'call' }>): void {
    const target = this.#functions.find(fn);
    if (target === undefined) throw new Error(`there is no function ${fn}`);
    this.#scheduler.start(
      branch,
      hostCalls,
      target,
      (thread) => {
        for (const value of args) pushWire(thread, value, this.#functions);
        return args.length;
      },
      (end) => {
        if (truth && end.ok) {
          send({ type: 'done', id, values: [isTrue(end.values[0])], positions: [] });
        } else this.#report(id, end, new ValueReader(this.#functions));
      },
    );
  }

  #report(id: number, end: BranchEnd, reader: ValueReader): void {
    if (!end.ok) {
      send({ type: 'failed', id, error: errorOf(end.thread) });
      return;
    }
    try {
      const values: WireValue[] = end.values.map((value, i) => reader.read(value, String(i + 1)));
      const done: FromChild = { type: 'done', id, values, positions: reader.positions };
      if (!send(done)) throw new ValueError('1', TOO_LARGE, 'smaller values');
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      send({ type: 'failed', id, error: valueErrorOf(error, reader) });
    }
  }
}

/** Whether a value counts as true in Lua. */
function isTrue(value: Value | undefined): boolean {
  return value !== undefined && value !== false;
}

function valueErrorOf(
  { path, found, expected, message }: ValueError,
  reader: ValueReader,
): WireError {
  const place = reader.positions.findLast(([marked]) => marked === path)?.[1] ?? null;
  return { kind: 'value', message, path, found, expected, place, traceback: [] };
}
