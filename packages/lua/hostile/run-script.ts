// Runs one script of the corpus in a Lua process and measures what it took.
import { readFileSync } from 'node:fs';
import { isRivetError, RivetError } from '@rivet/base';
import type { ProcessVm } from '../src/process-vm.ts';
import type { LuaFunction } from '../src/values.ts';
import type { LuaEngine, LuaLimits, LuaProgram } from '../src/vm.ts';
import type { HostileScript } from './hostile-script.ts';

/** Small enough that a corpus of hundreds of scripts takes a minute. */
export const LIMITS: LuaLimits = { cpuMs: 200, memoryBytes: 24 * 1024 * 1024 };
/** Scripts that should reach the memory limit have the time to get there. */
const MEMORY_LIMITS: LuaLimits = { ...LIMITS, cpuMs: 20_000 };
/** Those that end by themselves have what a pipeline has at creation, and more time. */
const WIDE_LIMITS: LuaLimits = { cpuMs: 5000, memoryBytes: 64 * 1024 * 1024 };
const SAMPLE_MS = 4;
const OPENING = Buffer.from('return function() ');
const CLOSING = Buffer.from('\nend');

export interface Outcome {
  /** The error, undefined when it returned. */
  readonly error: RivetError | undefined;
  readonly values: readonly unknown[];
  /** CPU time of the process while the script ran, in milliseconds; what a limit is about. */
  readonly cpuMs: number;
  readonly tookMs: number;
  /** Peak resident memory of the process, above what it had before the script, in bytes. */
  readonly peakBytes: number;
}

const HOST: LuaProgram['modules'] = [{ name: 'host', functions: ['echo', 'fail'] }];

/** Runs a script while the pipeline is created, or as a stage's script is. */
export async function runScript(
  engine: LuaEngine,
  script: HostileScript,
  phase: 'creation' | 'execution',
  limits = limitsOf(script),
): Promise<Outcome> {
  const bytes = new Uint8Array(Buffer.from(script.source, 'latin1'));
  const files: [string, string | Uint8Array][] =
    phase === 'creation' ? [['main.lua', bytes]] : filesOfStage(script, bytes);
  const program = { main: 'main.lua', files: new Map(files), modules: HOST, seed: 'seed', env: {} };
  const vm = await engine.open(program, { call: answer }, limits);
  const watch = new Watch((vm as ProcessVm).pid);
  try {
    const fn = phase === 'creation' ? undefined : (await vm.evaluate()).values[0];
    watch.start();
    const values =
      fn === undefined
        ? (await vm.evaluate()).values
        : await vm.call(fn as LuaFunction, [], { branch: 'main' });
    return { error: undefined, values, ...watch.stop() };
  } catch (error) {
    if (!isRivetError(error)) throw error;
    return { error, values: [], ...watch.stop() };
  } finally {
    watch.stop();
    await vm.close();
  }
}

/** A script is the body of a function; what does not compile is a file that the function loads. */
function filesOfStage(script: HostileScript, bytes: Uint8Array): [string, string | Uint8Array][] {
  const { expected } = script;
  if ('code' in expected && expected.code === 'RIVET_LUA_SYNTAX') {
    return [
      ['main.lua', 'return function() return require("hostile") end'],
      ['hostile.lua', bytes],
    ];
  }
  return [['main.lua', Buffer.concat([OPENING, bytes, CLOSING])]];
}

/** What a script may use: as little as shows how it ends. */
export function limitsOf({ expected }: HostileScript): LuaLimits {
  if (!('codes' in expected)) return WIDE_LIMITS;
  return expected.codes.includes('RIVET_LUA_CPU_LIMIT') ? LIMITS : MEMORY_LIMITS;
}

async function answer({ name, args }: { name: string; args: readonly unknown[] }) {
  if (name === 'host.echo') return args as never[];
  throw RivetError.received('RIVET_LUA_CLOSED', 'the host failed on purpose');
}

/** Looks at a process again and again: it may be gone at any moment. */
class Watch {
  readonly #pid: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #idleBytes = 0;
  #peakBytes = 0;
  #cpuAtStart = 0;
  #cpuMs = 0;

  constructor(pid: number | undefined) {
    this.#pid = pid;
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#idleBytes = this.#peak() ?? 0;
    this.#cpuAtStart = this.#cpu() ?? 0;
    this.#timer = setInterval(() => this.#look(), SAMPLE_MS);
  }

  stop(): { cpuMs: number; tookMs: number; peakBytes: number } {
    const tookMs = performance.now() - this.#startedAt;
    this.#look();
    clearInterval(this.#timer);
    return { cpuMs: this.#cpuMs, tookMs, peakBytes: this.#peakBytes };
  }

  #look(): void {
    this.#peakBytes = Math.max(this.#peakBytes, (this.#peak() ?? 0) - this.#idleBytes);
    this.#cpuMs = Math.max(this.#cpuMs, (this.#cpu() ?? 0) - this.#cpuAtStart);
  }

  /** The kernel keeps the peak (VmHWM) itself. */
  #peak(): number | undefined {
    const kilobytes = /VmHWM:\s+(\d+)/.exec(this.#read('status'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  }

  #cpu(): number | undefined {
    // Nanoseconds on a processor; finer than the ticks of `stat`.
    const [ns] = this.#read('schedstat').split(' ');
    return ns === '' || ns === undefined ? undefined : Number(ns) / 1e6;
  }

  #read(file: string): string {
    try {
      return readFileSync(`/proc/${this.#pid}/${file}`, 'latin1');
    } catch {
      return '';
    }
  }
}
