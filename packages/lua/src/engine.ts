// Starts programs, each in a Lua process of its own, and keeps one process ready.
import { RivetError } from '@rivet/base';
import { startTurn } from '@rivet/processes';
import { findImage } from './image.ts';
import { dataBytes, LuaProcess } from './lua-process.ts';
import { ProcessVm } from './process-vm.ts';
import type { LuaEngine, LuaHost, LuaLimits, LuaProgram, LuaVm } from './vm.ts';
import { wireProgram } from './wire/wire-program.ts';

const MEMORY_BYTES = 256 * 1024 * 1024;
/** How long after a program was opened the process of the next one is started, at the latest. */
const PREPARE_AFTER_MS = 1000;
/** The same after a program has ended: whoever waits for its result comes first. */
const PREPARE_AFTER_END_MS = 60;
/** Idle processes that wait for another program. */
const IDLE_MAX = 4;

export interface LuaEngineOptions {
  /**
   * Memory of the process that is kept ready, in bytes; programs that may use more get one of their
   * own. 256 MB when absent.
   */
  readonly memoryBytesMax?: number;
  /**
   * Whether a process is started before it is needed; a number: for so many programs, where it is
   * known how many there will be. True when absent.
   */
  readonly keepReady?: boolean | number;
  /**
   * Whether processes start from the image that `npm run build` made, where it is fresh, instead of
   * from the sources; true when absent.
   */
  readonly useImage?: boolean;
  /**
   * Whether the process of a closed program takes another one, which is much faster than starting
   * one: for programs that have nothing to hide from each other. False when absent.
   */
  readonly reuseProcesses?: boolean;
}

/** An engine without programs. Its first process starts at once unless `keepReady` is false. */
export function createLuaEngine(options: LuaEngineOptions = {}): LuaEngine {
  return new ProcessEngine(options);
}

class ProcessEngine implements LuaEngine {
  readonly #memoryBytes: number;
  /** Programs for which a process is still to be started before they come. */
  #ahead: number;
  readonly #reuse: boolean;
  readonly #open = new Set<ProcessVm>();
  readonly #idle: LuaProcess[] = [];
  #ready: LuaProcess | undefined;
  #image: string | undefined;
  #later: NodeJS.Timeout | undefined;
  /** When that is, on the clock of `performance.now()`. */
  #prepareAt = Number.POSITIVE_INFINITY;
  #hardLimit = true;
  #idleDataBytes: number | undefined;
  #closed = false;

  constructor(options: LuaEngineOptions) {
    this.#memoryBytes = options.memoryBytesMax ?? MEMORY_BYTES;
    const { keepReady = true } = options;
    this.#ahead = keepReady === true ? Number.POSITIVE_INFINITY : Number(keepReady);
    this.#reuse = options.reuseProcesses ?? false;
    this.#image = options.useImage === false ? undefined : findImage();
    this.#prepare();
  }

  async open(program: LuaProgram, host: LuaHost, limits: LuaLimits): Promise<LuaVm> {
    if (this.#closed) throw RivetError.of('RIVET_LUA_CLOSED', {});
    if (!program.files.has(program.main)) {
      const reason = `the program has no file ${program.main}`;
      throw RivetError.of('RIVET_INTERNAL', { reason });
    }
    const wire = wireProgram(program, limits);
    const process = await this.#takeProcess(limits);
    const keep = (): void => {
      this.#open.delete(vm);
      this.#takeBack(process);
    };
    const vm = new ProcessVm(process, program, host, limits, this.#reuse ? keep : undefined);
    this.#open.add(vm);
    void vm.ended.then(() => {
      this.#open.delete(vm);
      this.#prepareLater(PREPARE_AFTER_END_MS);
    });
    if (this.#closed) await vm.close();
    if (Number.isFinite(this.#ahead)) this.#prepare();
    else this.#prepareLater(PREPARE_AFTER_MS);
    try {
      await vm.load(wire);
    } catch (error) {
      await vm.close();
      throw error;
    }
    return vm;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#later);
    const ready = this.#ready;
    this.#ready = undefined;
    ready?.kill();
    await Promise.all([ready?.exited(), ...[...this.#open].map((vm) => vm.close())]);
    const idle = this.#idle.splice(0);
    for (const process of idle) process.kill();
    await Promise.all(idle.map((process) => process.exited()));
  }

  async #takeProcess(limits: LuaLimits): Promise<LuaProcess> {
    if (limits.memoryBytes <= this.#memoryBytes) {
      for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
        if (idle.running) return idle;
      }
    }
    const warm = limits.memoryBytes <= this.#memoryBytes ? this.#ready : undefined;
    if (warm !== undefined) this.#ready = undefined;
    if (warm?.running === true && (await warm.ready)) return this.#measured(warm);
    const memoryBytes = Math.max(limits.memoryBytes, this.#memoryBytes);
    for (;;) {
      await startTurn();
      const cold = this.#start(memoryBytes);
      if ((await cold.ready) || !this.#fallBack()) return this.#measured(cold);
    }
  }

  #start(memoryBytes: number): LuaProcess {
    return new LuaProcess(memoryBytes, {
      image: this.#image,
      hardLimit: this.#hardLimit,
      idleDataBytes: this.#idleDataBytes,
    });
  }

  /** After a process that did not become ready: whether there is another way to start one. */
  #fallBack(): boolean {
    if (this.#image !== undefined) {
      // It may be for another build of the same Node.
      this.#image = undefined;
      this.#idleDataBytes = undefined;
      return true;
    }
    // A machine may not let us set the limit, or Node may need more: the other checks have to do.
    const limited = this.#hardLimit;
    this.#hardLimit = false;
    return limited;
  }

  #takeBack(process: LuaProcess): void {
    const wanted = !this.#closed && this.#idle.length < IDLE_MAX;
    if (wanted && process.running) this.#idle.push(process);
    else process.kill();
  }

  /** What was just opened, or has just ended, has work for the processors. */
  #prepareLater(ms: number): void {
    const dueAt = performance.now() + ms;
    // Where programs come without a pause it is never put off.
    if (this.#closed || dueAt > this.#prepareAt) return;
    this.#prepareAt = dueAt;
    clearTimeout(this.#later);
    this.#later = setTimeout(() => this.#prepare(), ms).unref();
  }

  #prepare(): void {
    this.#prepareAt = Number.POSITIVE_INFINITY;
    if (this.#closed || this.#ahead <= 0 || this.#ready?.running === true) return;
    this.#ahead -= 1;
    this.#ready = this.#start(this.#memoryBytes);
  }

  /** What a process has before its program is what the next ones get beside their limit. */
  #measured(process: LuaProcess): LuaProcess {
    this.#idleDataBytes ??= process.pid === undefined ? undefined : dataBytes(process.pid);
    return process;
  }
}
