// Starts programs, each in a Lua process of its own, and keeps one process ready.
import { RivetError } from '@rivet/base';
import { LuaProcess } from './lua-process.ts';
import { ProcessVm } from './process-vm.ts';
import type { LuaEngine, LuaHost, LuaLimits, LuaProgram, LuaVm } from './vm.ts';
import type { WireProgram } from './wire/messages.ts';
import { toWire } from './wire/wire-value.ts';

const MEMORY_BYTES = 256 * 1024 * 1024;

export interface LuaEngineOptions {
  /**
   * Memory of the process that is kept ready, in bytes; programs that may use more get one of their
   * own. 256 MB when absent.
   */
  readonly memoryBytesMax?: number;
  /** Whether a process is started before it is needed; true when absent. */
  readonly keepReady?: boolean;
}

/** An engine without programs. Its first process starts at once unless `keepReady` is false. */
export function createLuaEngine(options: LuaEngineOptions = {}): LuaEngine {
  return new ProcessEngine(options);
}

class ProcessEngine implements LuaEngine {
  readonly #memoryBytes: number;
  readonly #keepReady: boolean;
  readonly #open = new Set<ProcessVm>();
  #ready: LuaProcess | undefined;
  #hardLimit = true;
  #closed = false;

  constructor(options: LuaEngineOptions) {
    this.#memoryBytes = options.memoryBytesMax ?? MEMORY_BYTES;
    this.#keepReady = options.keepReady ?? true;
    this.#prepare();
  }

  async open(program: LuaProgram, host: LuaHost, limits: LuaLimits): Promise<LuaVm> {
    if (this.#closed) throw RivetError.of('RIVET_LUA_CLOSED', {});
    if (!program.files.has(program.main)) {
      const reason = `the program has no file ${program.main}`;
      throw RivetError.of('RIVET_INTERNAL', { reason });
    }
    const wire = wireProgram(program, limits);
    const vm = new ProcessVm(await this.#takeProcess(limits), program, host, limits);
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
  }

  async #takeProcess(limits: LuaLimits): Promise<LuaProcess> {
    const warm = limits.memoryBytes <= this.#memoryBytes ? this.#ready : undefined;
    if (warm !== undefined) this.#ready = undefined;
    if (warm?.running === true && (await warm.ready)) return warm;
    const memoryBytes = Math.max(limits.memoryBytes, this.#memoryBytes);
    const cold = new LuaProcess(memoryBytes, this.#hardLimit);
    if ((await cold.ready) || !this.#hardLimit) return cold;
    // A machine may not let us set the limit, or Node may need more: the other checks have to do.
    this.#hardLimit = false;
    const unlimited = new LuaProcess(memoryBytes, false);
    await unlimited.ready;
    return unlimited;
  }

  #prepare(): void {
    if (this.#closed || !this.#keepReady || this.#ready?.running === true) return;
    this.#ready = new LuaProcess(this.#memoryBytes, this.#hardLimit);
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
