// A running program: the requests of the engine's users, the host calls of the script, and the
// watch over what the process uses.
import { describeThrown, RivetError } from '@rivet/base';
import { knownNames } from './known-names.ts';
import { LuaFailures } from './lua-failure.ts';
import { type LuaPeer, type ProcessEnd, usageOf } from './lua-process.ts';
import { SourceLines } from './source-lines.ts';
import type { LuaFunction, LuaValue, SourcePosition } from './values.ts';
import type { LuaEvaluation, LuaHost, LuaLimits, LuaProgram, LuaVm } from './vm.ts';
import { encodeFrame, FORESEEN_BYTES_MAX, FRAME_BYTES_MAX } from './wire/frames.ts';
import type { FromChild, ToChild, WireProgram } from './wire/messages.ts';
import { messageFrom } from './wire/read-message.ts';
import { fromWire, toWire } from './wire/wire-value.ts';

const WATCH_INTERVAL_MS = 50;
/** What the process itself needs to notice a limit and say where it was. */
const CPU_MARGIN_MS = 150;
/** Room for garbage that was not collected yet, and for what the engine sends. */
const MEMORY_MARGIN_BYTES = 64 * 1024 * 1024;
/** What the arguments of all host calls under way may have as JSON: the engine holds them. */
const UNDER_WAY_BYTES_MAX = 32 * 1024 * 1024;
/** Host errors kept, so that the last ones come out with their codes when nothing catches them. */
const HOST_ERRORS_MAX = 1000;

interface Request {
  resolve(done: Extract<FromChild, { type: 'done' }>): void;
  reject(error: RivetError): void;
}

export class ProcessVm implements LuaVm {
  /** Resolves when its process is gone. */
  readonly ended: Promise<void>;
  readonly #process: LuaPeer;
  readonly #keep: (() => void) | undefined;
  readonly #host: LuaHost;
  readonly #limits: LuaLimits;
  readonly #failures: LuaFailures;
  readonly #source: SourceLines;
  readonly #requests = new Map<number, Request>();
  readonly #hostErrors = new Map<number, unknown>();
  /** The host call of each branch that is under way. */
  readonly #branchesUnderWay = new Map<string, { readonly sequence: number; foreseen: boolean }>();
  /** Names of the calls that may be foreseen. */
  readonly #expected: ReadonlySet<string>;
  readonly #watch: NodeJS.Timeout;
  #ids = 0;
  #hostErrorIds = 0;
  readonly #idleBytes: number | undefined;
  #bytesUnderWay = 0;
  readonly #hurried = new Set<{ readonly cpuMs: number; readonly error: RivetError }>();
  #callsUnderWay = 0;
  #cpuMsAtMessage: number | undefined;
  #noting: NodeJS.Immediate | undefined;
  /** Where it was when it last said so; undefined when it does not compute for long. */
  #at: Extract<FromChild, { type: 'at' }> | undefined;
  #handedBack = false;
  /** Why there is no program any more. */
  #over: RivetError | undefined;

  /**
   * @param process one that is ready: what it uses now is what an idle one does
   * @param keep takes back the process of a program that was closed when it had nothing left to do
   */
  constructor(
    process: LuaPeer,
    program: LuaProgram,
    host: LuaHost,
    limits: LuaLimits,
    keep: (() => void) | undefined,
  ) {
    this.#keep = keep;
    this.#process = process;
    this.#host = host;
    this.#expected = new Set(Object.keys(program.expected ?? {}));
    this.#limits = limits;
    this.#source = new SourceLines(program.files);
    this.#failures = new LuaFailures(this.#source, limits, knownNames(program));
    this.#watch = setInterval(() => this.#look(), WATCH_INTERVAL_MS);
    this.#watch.unref();
    this.ended = process.exited();
    this.#idleBytes = process.pid === undefined ? undefined : usageOf(process.pid)?.residentBytes;
    process.attach({
      message: (message, bytes) => this.#receive(message, bytes),
      end: (end) => this.#ended(end),
    });
  }

  /** Loads the program. */
  async load(program: WireProgram): Promise<void> {
    await this.#request((id) => ({ type: 'open', id, program }));
  }

  async evaluate(): Promise<LuaEvaluation> {
    const done = await this.#request((id) => ({ type: 'evaluate', id }));
    const positions = new Map<string, SourcePosition>();
    for (const [path, place] of done.positions) positions.set(path, this.#source.position(place));
    return { values: done.values.map((value) => fromWire(value)), positions };
  }

  async call(
    fn: LuaFunction,
    args: readonly LuaValue[],
    options: { branch: string; hostCalls?: 'allowed' | 'refused'; results?: 'values' | 'truth' },
  ): Promise<readonly LuaValue[]> {
    const wire = args.map((arg, i) => toWire(arg, `args[${i + 1}]`));
    const done = await this.#request((id) => ({
      type: 'call',
      id,
      fn: fn.id,
      args: wire,
      branch: options.branch,
      hostCalls: options.hostCalls !== 'refused',
      truth: options.results === 'truth',
    }));
    return done.values.map((value) => fromWire(value));
  }

  hurry(cpuMs: number, error: RivetError): () => void {
    const hurried = { cpuMs, error };
    this.#hurried.add(hurried);
    return () => this.#hurried.delete(hurried);
  }

  get running(): boolean {
    return this.#over === undefined;
  }

  /** Process id, undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  async close(): Promise<void> {
    if (!this.#handBack()) {
      this.#end(RivetError.of('RIVET_LUA_CLOSED', {}));
      await this.ended;
    }
  }

  end(): void {
    if (!this.#handBack()) this.#end(RivetError.of('RIVET_LUA_CLOSED', {}));
  }

  /**
   * Lets another program have the process, where that is wanted and nothing is left to do. Returns
   * whether it is no more this one's.
   */
  #handBack(): boolean {
    if (this.#handedBack) return true;
    if (this.#keep === undefined || this.#over !== undefined || !this.#idle) return false;
    this.#over = RivetError.of('RIVET_LUA_CLOSED', {});
    clearInterval(this.#watch);
    this.#hostErrors.clear();
    this.#handedBack = true;
    this.#keep();
    return true;
  }

  /** Nothing was asked that is not answered, on either side. */
  get #idle(): boolean {
    return this.#requests.size === 0 && this.#callsUnderWay === 0;
  }

  #request(message: (id: number) => ToChild): Promise<Extract<FromChild, { type: 'done' }>> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    this.#ids += 1;
    const id = this.#ids;
    const frame = encodeFrame(message(id));
    if (frame.length > FRAME_BYTES_MAX) return Promise.reject(tooLarge());
    return new Promise((resolve, reject) => {
      this.#requests.set(id, { resolve, reject });
      this.#process.sendFrame(frame);
      this.#noteCpuTime();
    });
  }

  #receive(raw: unknown, bytes: number): void {
    if (this.#over !== undefined) return;
    try {
      const message = messageFrom(raw);
      if (message.type === 'at') {
        this.#at = message;
        return;
      }
      // It waits for an answer already: its CPU time counts from the call that it made.
      if (message.type === 'foreseen') {
        this.#foresee(message, bytes);
        return;
      }
      this.#handle(message, bytes);
      this.#noteCpuTime();
    } catch (error) {
      this.#process.fail(`it sent what is no message (${describeThrown(error)})`);
    }
  }

  #handle(message: Exclude<FromChild, { type: 'at' | 'foreseen' }>, bytes: number): void {
    switch (message.type) {
      case 'ready':
        return;
      case 'done':
        this.#take(message.id).resolve(message);
        return;
      case 'failed': {
        const { error } = message;
        const hostError = error.error === undefined ? undefined : this.#hostErrors.get(error.error);
        this.#take(message.id).reject(this.#failures.error(error, hostError));
        return;
      }
      case 'host':
        this.#admit(message, bytes);
        return;
      case 'limit':
        this.#end(this.#failures.limit(message.limit, message.place, message.traceback));
        return;
      case 'broken':
        this.#end(RivetError.of('RIVET_LUA_PROCESS', { reason: message.reason }));
    }
  }

  #take(id: number): Request {
    const request = this.#requests.get(id);
    if (request === undefined) throw new RangeError(`an answer to request ${id}`);
    this.#requests.delete(id);
    return request;
  }

  /** Starts a host call, unless those under way hold more than the script may use. */
  #admit(message: Extract<FromChild, { type: 'host' }>, bytes: number): void {
    this.#bytesUnderWay += bytes;
    if (this.#bytesUnderWay > UNDER_WAY_BYTES_MAX) {
      this.#end(this.#failures.limit('memory', message.place, []));
      return;
    }
    this.#callsUnderWay += 1;
    void this.#perform(message).finally(() => {
      this.#callsUnderWay -= 1;
      this.#bytesUnderWay -= bytes;
    });
  }

  /** A call that is answered already needs no foresight; the two may have met on the way. */
  #foresee(message: Extract<FromChild, { type: 'foreseen' }>, bytes: number): void {
    const { branch, sequence, name, place } = message;
    if (bytes > FORESEEN_BYTES_MAX) throw new RangeError(`a foreseen call of ${bytes} bytes`);
    if (!this.#expected.has(name)) throw new RangeError(`${name} is not foreseen`);
    const before = this.#branchesUnderWay.get(branch);
    if (before === undefined) return;
    if (before.foreseen || sequence !== before.sequence + 1) throw new RangeError('no next call');
    before.foreseen = true;
    const args = message.args.map((arg) => fromWire(arg));
    const position = place === null ? undefined : this.#source.position(place);
    try {
      this.#host.foreseen?.({ branch, sequence, name, args, position });
    } catch {
      // It was a hint: the call itself comes later.
    }
  }

  async #perform(message: Extract<FromChild, { type: 'host' }>): Promise<void> {
    const { call, branch, sequence, name, place } = message;
    this.#branchesUnderWay.set(branch, { sequence, foreseen: false });
    try {
      const args = message.args.map((arg) => fromWire(arg));
      const position = place === null ? undefined : this.#source.position(place);
      const results = await this.#host.call({ branch, sequence, name, args, position });
      const values = results.map((value, i) => toWire(value, `result ${i + 1} of ${name}`));
      const frame = encodeFrame({ type: 'result', call, values });
      if (frame.length > FRAME_BYTES_MAX) throw tooLarge();
      this.#answer(branch, frame);
    } catch (error) {
      this.#hostErrorIds += 1;
      const id = this.#hostErrorIds;
      this.#hostErrors.set(id, error);
      this.#hostErrors.delete(id - HOST_ERRORS_MAX);
      this.#answer(
        branch,
        encodeFrame({ type: 'failure', call, message: describeThrown(error), error: id }),
      );
    }
  }

  #answer(branch: string, frame: Buffer): void {
    this.#branchesUnderWay.delete(branch);
    if (this.#over !== undefined) return;
    this.#process.sendFrame(frame);
    this.#noteCpuTime();
  }

  /**
   * CPU time counts from the last message in either direction. It is read a moment later, for all
   * messages of that moment: the script waits for an answer, or has just got it.
   */
  #noteCpuTime(): void {
    this.#at = undefined;
    this.#noting ??= setImmediate(() => {
      this.#noting = undefined;
      const { pid } = this.#process;
      if (pid === undefined || this.#over !== undefined) return;
      this.#cpuMsAtMessage = usageOf(pid)?.cpuMs;
    });
  }

  #look(): void {
    const { pid } = this.#process;
    if (pid === undefined || this.#over !== undefined) return;
    const usage = usageOf(pid);
    if (usage === undefined) return;
    const usedMs = usage.cpuMs - (this.#cpuMsAtMessage ?? usage.cpuMs);
    for (const hurried of this.#hurried) {
      if (usedMs > hurried.cpuMs) {
        this.#end(hurried.error);
        return;
      }
    }
    if (usedMs > this.#limits.cpuMs + CPU_MARGIN_MS) {
      this.#end(this.#limit('cpu'));
      return;
    }
    if (this.#idleBytes === undefined) return;
    if (usage.residentBytes - this.#idleBytes > this.#limits.memoryBytes + MEMORY_MARGIN_BYTES) {
      this.#end(this.#limit('memory'));
    }
  }

  /** A limit that is held from outside: the process could not say where it is now. */
  #limit(limit: 'cpu' | 'memory'): RivetError {
    return this.#failures.limit(limit, this.#at?.place ?? null, this.#at?.traceback ?? []);
  }

  #ended({ outOfMemory, reason }: ProcessEnd): void {
    this.#end(outOfMemory ? this.#limit('memory') : RivetError.of('RIVET_LUA_PROCESS', { reason }));
  }

  /** The program is over, for the first reason that was given. */
  #end(error: RivetError): void {
    this.#process.kill();
    if (this.#over !== undefined) return;
    this.#over = error;
    clearInterval(this.#watch);
    this.#hostErrors.clear();
    for (const request of this.#requests.values()) request.reject(error);
    this.#requests.clear();
  }
}

function tooLarge(): RivetError {
  return RivetError.of('RIVET_LUA_VALUE', {
    where: 'host',
    path: 'the values',
    found: 'more than 32 MB as JSON',
    expected: 'smaller values',
  });
}
