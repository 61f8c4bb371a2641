// Runs the cases of a test file, each in a program of its own.
import { basename } from 'node:path';
import { formatDuration, RivetError, toRivetError } from '@rivet/base';
import {
  asRecord,
  type LuaEngine,
  LuaFunction,
  type LuaHost,
  type LuaProgram,
  type LuaVm,
  type SourcePosition,
} from '@rivet/lua';
import { readBundle } from '@rivet/pipeline';
import type { PipelineBundle } from '@rivet/protocol';
import { createCaseHost } from './case-host.ts';
import { testGlobals, testModules } from './test-modules.ts';
import type { TestedPipelines } from './tested-pipelines.ts';

/** How a case ended. */
export interface CaseReport {
  readonly name: string;
  /** Where its function stands; the file as it is known in the bundle. */
  readonly position: SourcePosition;
  readonly state: 'passed' | 'failed' | 'skipped';
  readonly durationMs: number;
  readonly failure: RivetError | undefined;
  /** What it printed, and mocks that it never used. */
  readonly notes: readonly string[];
  /** The logs of the pipelines that it ran, when it failed. */
  readonly logs: readonly (readonly string[])[];
}

export interface TestFileOptions {
  /** Absolute path of the test file. */
  readonly path: string;
  readonly lua: LuaEngine;
  readonly pipelines: TestedPipelines;
  readonly defaultImage: string;
  /** Real time that a case may take, in milliseconds. */
  readonly caseTimeoutMs: number;
  /** Which cases are run, by their names; the others are left out. */
  readonly wanted: (name: string) => boolean;
  readonly onCase: (report: CaseReport) => void;
  /** Aborting ends the case that runs and begins no other. */
  readonly signal: AbortSignal;
}

const LIMITS = { cpuMs: 10_000, memoryBytes: 256 * 1024 * 1024 };
/** Stands for a file that does nothing but to load the test file and to give its cases. */
const MAIN = '[test]';
const FILE_NAME = /^([A-Za-z0-9_-]+)\.lua$/;

/**
 * Runs the wanted cases of a file in its order; resolves when all have ended.
 * @returns how many cases the file has
 * @throws RIVET_TEST_FILE_NAME, RIVET_TEST_NO_CASES, the error of a file that cannot be loaded, and
 *   what reading it raises; a failing case is no exception but its report
 */
export async function runTestFile(options: TestFileOptions): Promise<number> {
  const program = await programOf(options.path);
  let first: OpenedCases | undefined = await openCases(options, program);
  const { cases } = first;
  try {
    if (cases.length === 0) throw RivetError.of('RIVET_TEST_NO_CASES', { path: options.path });
    for (const [index, { name, skipped, place }] of cases.entries()) {
      if (options.signal.aborted) break;
      if (!options.wanted(name)) continue;
      const about = { name, position: place.position };
      if (skipped) {
        const nothing = { failure: undefined, notes: [], logs: [] };
        options.onCase({ ...about, state: 'skipped', durationMs: 0, ...nothing });
        continue;
      }
      const beganAt = performance.now();
      const opened = first ?? (await openCases(options, program));
      first = undefined;
      const result = await runCase(options, opened, index);
      const durationMs = performance.now() - beganAt;
      const state = result.failure === undefined ? 'passed' : 'failed';
      options.onCase({ ...about, state, durationMs, ...result });
    }
  } finally {
    await first?.close();
  }
  return cases.length;
}

interface OpenedCases {
  readonly vm: LuaVm;
  readonly host: ReturnType<typeof createCaseHost>;
  readonly abort: AbortController;
  readonly cases: readonly {
    readonly name: string;
    readonly skipped: boolean;
    readonly fn: LuaFunction;
    readonly place: LuaFunction;
  }[];
  close(): Promise<void>;
}

async function programOf(path: string): Promise<LuaProgram> {
  const name = FILE_NAME.exec(basename(path))?.[1];
  if (name === undefined) throw RivetError.of('RIVET_TEST_FILE_NAME', { path });
  const bundle: PipelineBundle = await readBundle(path);
  const main = `require(${JSON.stringify(name)}) return test["registered cases"]()`;
  return {
    main: MAIN,
    files: new Map([[MAIN, main], ...Object.entries(bundle.files)]),
    modules: testModules,
    globals: testGlobals,
    seed: 'test',
    env: {},
  };
}

async function openCases(options: TestFileOptions, program: LuaProgram): Promise<OpenedCases> {
  const { lua, pipelines, path: file, defaultImage, signal } = options;
  const abort = new AbortController();
  let vm: LuaVm | undefined;
  const host = createCaseHost({
    lua,
    pipelines,
    file,
    defaultImage,
    signal: AbortSignal.any([signal, abort.signal]),
    vm: () => {
      if (vm === undefined) throw new Error('a case ran before its program was there');
      return vm;
    },
  });
  const opened = await lua.open(program, host satisfies LuaHost, LIMITS);
  vm = opened;
  const close = async (): Promise<void> => {
    await opened.close();
    await host.close();
  };
  try {
    const { values } = await opened.evaluate();
    return { vm: opened, host, abort, cases: readCases(values[0]), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function readCases(value: unknown): OpenedCases['cases'] {
  if (!Array.isArray(value)) return [];
  return value.map((entry) => {
    const { name, skipped, fn, place } = asRecord(entry) ?? {};
    if (!(fn instanceof LuaFunction) || !(place instanceof LuaFunction)) {
      throw new Error('a case without a function');
    }
    return { name: String(name), skipped: skipped === true, fn, place };
  });
}

/** Runs one case to its end, or to its deadline. */
async function runCase(
  options: TestFileOptions,
  { vm, host, abort, cases, close }: OpenedCases,
  index: number,
): Promise<Pick<CaseReport, 'failure' | 'notes' | 'logs'>> {
  const fn = cases[index]?.fn;
  if (fn === undefined) throw new Error('the cases of a file changed while it was tested');
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const limit = formatDuration(options.caseTimeoutMs);
    late.reject(RivetError.of('RIVET_TEST_TIMEOUT', { limit }));
  }, options.caseTimeoutMs);
  const interrupt = (): void => late.reject(options.signal.reason);
  options.signal.addEventListener('abort', interrupt, { once: true });
  let failure: RivetError | undefined;
  try {
    await Promise.race([vm.call(fn, [], { branch: 'case', results: 'truth' }), late.promise]);
  } catch (error) {
    failure = toRivetError(error);
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', interrupt);
    late.promise.catch(() => {});
    abort.abort();
  }
  const logs = failure === undefined ? [] : host.logs();
  const notes = [...host.notes];
  await close();
  return { failure, notes, logs };
}
