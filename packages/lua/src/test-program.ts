// Opens small programs for tests, with a host that answers from a table of functions.
import { onTestFinished } from 'vitest';
import { createLuaEngine } from './engine.ts';
import { LuaFunction, type LuaValue } from './values.ts';
import type { HostCall, LuaEngine, LuaLimits, LuaModuleSpec, LuaProgram, LuaVm } from './vm.ts';

export const LIMITS: LuaLimits = { cpuMs: 2000, memoryBytes: 64 * 1024 * 1024 };

export interface TestProgram {
  readonly vm: LuaVm;
  /** Every host call so far, in order. */
  readonly calls: HostCall[];
}

type Answer = (call: HostCall) => readonly LuaValue[] | Promise<readonly LuaValue[]>;

let shared: LuaEngine | undefined;

/** The engine of this test file, closed by `closeEngine`. */
export function testEngine(): LuaEngine {
  shared ??= createLuaEngine({ memoryBytesMax: LIMITS.memoryBytes });
  return shared;
}

export async function closeEngine(): Promise<void> {
  await shared?.close();
  shared = undefined;
}

/**
 * Opens a program, closed when the test ends.
 * @param hosts what answers the host calls, by name
 * @param otherwise what answers all others; with nothing when absent
 */
export async function openProgram(
  files: string | Record<string, string | Uint8Array>,
  hosts: Record<string, Answer> = {},
  more: Partial<LuaProgram> & { limits?: Partial<LuaLimits> } = {},
  otherwise: Answer = () => [],
): Promise<TestProgram> {
  const calls: HostCall[] = [];
  const sources = typeof files === 'string' ? { 'main.lua': files } : files;
  const names = Object.keys(hosts).map((name) => name.split('.') as [string, string]);
  const modules: LuaModuleSpec[] = [...new Set(names.map(([module]) => module))].map((module) => ({
    name: module,
    functions: names.filter(([name]) => name === module).map(([, fn]) => fn),
  }));
  const { limits, ...program } = more;
  const vm = await testEngine().open(
    {
      main: 'main.lua',
      files: new Map(Object.entries(sources)),
      modules,
      seed: 'seed',
      env: {},
      ...program,
    },
    {
      async call(call) {
        calls.push(call);
        return (hosts[call.name] ?? otherwise)(call);
      },
    },
    { ...LIMITS, ...limits },
  );
  onTestFinished(() => vm.close());
  return { vm, calls };
}

/** Evaluates a chunk and gives what it returns. */
export async function evaluate(source: string): Promise<readonly LuaValue[]> {
  const { vm } = await openProgram(source);
  return (await vm.evaluate()).values;
}

/** Runs the body of a function of a program, with the host calls it may make. */
export async function run(
  body: string,
  hosts: Record<string, Answer> = {},
  more: Partial<LuaProgram> & { limits?: Partial<LuaLimits> } = {},
): Promise<{ values: readonly LuaValue[]; calls: HostCall[] }> {
  const { vm, calls } = await openProgram(`return function(...) ${body}\nend`, hosts, more);
  const { values } = await vm.evaluate();
  const [fn] = values;
  if (!(fn instanceof LuaFunction)) throw new Error('the program returned no function');
  return { values: await vm.call(fn, [], { branch: 'main' }), calls };
}
