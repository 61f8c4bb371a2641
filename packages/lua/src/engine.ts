// Starts programs, each in a Lua process of its own, and keeps one process ready.
import { RivetError } from '@rivet/base';
import { dataBytes, LuaProcess } from './lua-process.ts';
import { ProcessVm } from './process-vm.ts';
import type { LuaEngine, LuaHost, LuaLimits, LuaProgram, LuaVm } from './vm.ts';
import type { WireProgram } from './wire/messages.ts';
import { toWire } from './wire/wire-value.ts';

const MEMORY_BYTES = 256 * 1024 * 1024;
/** Idle processes that wait for another program. */
const IDLE_MAX = 4;

export interface LuaEngineOptions {
  /**
   * Memory of the process that is kept ready, in bytes; programs that may use more get one of their
   * own. 256 MB when absent.
   */
  readonly memoryBytesMax?: number;
  /** Whether a process is started before it is needed; true when absent. */
  readonly keepReady?: boolean;
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
  readonly #keepReady: boolean;
  readonly #reuse: boolean;
  readonly #open = new Set<ProcessVm>();
  readonly #idle: LuaProcess[] = [];
  #ready: LuaProcess | undefined;
  #hardLimit = true;
  #idleDataBytes: number | undefined;
  #closed = false;

  constructor(options: LuaEngineOptions) {
    this.#memoryBytes = options.memoryBytesMax ?? MEMORY_BYTES;
    this.#keepReady = options.keepReady ?? true;
    this.#reuse = options.reuseProcesses ?? false;
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
    const keep = (idle: LuaProcess): void => {
      this.#open.delete(vm);
      this.#takeBack(idle);
    };
    const vm = new ProcessVm(process, program, host, limits, this.#reuse ? keep : undefined);
    this.#open.add(vm);
    void vm.ended.then(() => this.#open.delete(vm));
    if (this.#closed) await vm.close();
    this.#prepare();
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
    const cold = new LuaProcess(memoryBytes, this.#hardLimit, this.#idleDataBytes);
    if ((await cold.ready) || !this.#hardLimit) return this.#measured(cold);
    // A machine may not let us set the limit, or Node may need more: the other checks have to do.
    this.#hardLimit = false;
    const unlimited = new LuaProcess(memoryBytes, false);
    await unlimited.ready;
    return unlimited;
  }

  #takeBack(process: LuaProcess): void {
    const wanted = !this.#closed && this.#idle.length < IDLE_MAX;
    if (wanted && process.running) this.#idle.push(process);
    else process.kill();
  }

  #prepare(): void {
    if (this.#closed || !this.#keepReady || this.#ready?.running === true) return;
    this.#ready = new LuaProcess(this.#memoryBytes, this.#hardLimit, this.#idleDataBytes);
  }

  /** What a process has before its program is what the next ones get beside their limit. */
  #measured(process: LuaProcess): LuaProcess {
    this.#idleDataBytes ??= process.pid === undefined ? undefined : dataBytes(process.pid);
    return process;
  }
}

function wireProgram(program: LuaProgram, limits: LuaLimits): WireProgram {
  return {
    main: program.main,
    files: [...program.files].map(([path, source]) => [
      path,
      Buffer.from(source as string).toString('base64'),
    ]),
    modules: program.modules.map((module) => ({
      name: module.name,
      functions: module.functions,
      fields: toWire({ ...module.fields }, module.name),
      source: module.source ?? null,
    })),
    globals: Object.entries(program.globals ?? {}),
    seed: program.seed,
    env: Object.entries(program.env),
    cpuMs: limits.cpuMs,
    memoryBytes: limits.memoryBytes,
  };
}
