// Opens small programs for tests, with a host that answers from a table of functions.
import { isRivetError } from '@rivet/base';
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
  loaders.clear();
  shared = undefined;
}

/**
 * Opens a program, closed when the test ends unless `forThisTest` is false.
 * @param hosts what answers the host calls, by name
 * @param otherwise what answers all others; with nothing when absent
 */
export async function openProgram(
  files: string | Record<string, string | Uint8Array>,
  hosts: Record<string, Answer> = {},
  more: Partial<LuaProgram> & { limits?: Partial<LuaLimits> } = {},
  otherwise: Answer = () => [],
  forThisTest = true,
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
  if (forThisTest) onTestFinished(() => vm.close());
  return { vm, calls };
}

/** Evaluates a chunk and gives what it returns. */
export async function evaluate(source: string): Promise<readonly LuaValue[]> {
  const { vm } = await openProgram(source);
  return (await vm.evaluate()).values;
}

interface Loader extends TestProgram {
  readonly load: LuaFunction;
}

const loaders = new Map<object, Promise<Loader>>();
const NO_HOSTS = {};

/** A program that loads functions from text: one for all tests of a file with the same hosts. */
function sharedLoader(hosts: Record<string, Answer>): Promise<Loader> {
  const known = loaders.get(hosts);
  if (known !== undefined) return known;
  const source = 'return function(source) return assert(load(source, "@main.lua"))() end';
  const opened = openProgram(source, hosts, {}, () => [], false).then(async (program) => {
    const [load] = (await program.vm.evaluate()).values;
    if (!(load instanceof LuaFunction)) throw new Error('the program returned no function');
    return { ...program, load };
  });
  loaders.set(hosts, opened);
  return opened;
}

/**
 * Runs the body of a function, with the host calls it may make. Without `more` the functions of all
 * tests with the same hosts are loaded into one program.
 */
export async function run(
  body: string,
  hosts: Record<string, Answer> = NO_HOSTS,
  more?: Partial<LuaProgram> & { limits?: Partial<LuaLimits> },
): Promise<{ values: readonly LuaValue[]; calls: HostCall[] }> {
  const source = `return function(...) ${body}\nend`;
  const { vm, calls, fn } = await (more === undefined
    ? loadShared(source, hosts)
    : openAlone(source, hosts, more));
  const before = calls.length;
  try {
    return { values: await vm.call(fn, [], { branch: 'main' }), calls: calls.slice(before) };
  } catch (error) {
    // It may have been the end of the program.
    if (isRivetError(error, 'RIVET_LUA_CPU_LIMIT', 'RIVET_LUA_MEMORY_LIMIT')) loaders.clear();
    throw error;
  }
}

async function loadShared(source: string, hosts: Record<string, Answer>) {
  const { vm, calls, load } = await sharedLoader(hosts);
  const [fn] = await vm.call(load, [source], { branch: 'load' });
  return { vm, calls, fn: fn as LuaFunction };
}

async function openAlone(
  source: string,
  hosts: Record<string, Answer>,
  more: Partial<LuaProgram> & { limits?: Partial<LuaLimits> },
) {
  const { vm, calls } = await openProgram(source, hosts, more);
  const [fn] = (await vm.evaluate()).values;
  return { vm, calls, fn: fn as LuaFunction };
}
