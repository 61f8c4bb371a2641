// Says which stages of a pipeline would run with given inputs: asks their conditions and starts
// nothing.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RivetError, silentLogger, toRivetError } from '@rivet/base';
import { createFakeDriver } from '@rivet/containers';
import type { LuaEngine, LuaHost, LuaVm, SourcePosition } from '@rivet/lua';
import type { InputValues, PipelineBundle, PipelineDefinition } from '@rivet/protocol';
import type { JobHost } from '../job.ts';
import { findHostFunction } from '../modules/registry.ts';
import { runJob } from '../run-job.ts';
import { noSecrets } from '../secrets/secret-provider.ts';

/** What the condition of a stage says. */
export type ConditionForecast = (
  | { readonly answer: 'met' | 'unmet' }
  /** It asks for what only a run knows; `call` is the function that it called. */
  | { readonly answer: 'unknown'; readonly call: string }
  /** It would fail the stage. */
  | { readonly answer: 'fails'; readonly error: RivetError }
) & { readonly position: SourcePosition };

export interface ForecastOptions {
  readonly lua: LuaEngine;
  readonly bundle: PipelineBundle;
  readonly definition: PipelineDefinition;
  /** Checked values, defaults filled in. */
  readonly inputs: InputValues;
  /** Names of inputs whose value is not known. */
  readonly missing: readonly string[];
  readonly signal: AbortSignal;
}

/** Modules whose answers are known before a run. */
const KNOWN_MODULES: ReadonlySet<string> = new Set(['input', 'json', 'yaml', 'log', 'os', 'time']);
const TIMEOUT_MS = 30_000;

/**
 * The forecasts by the name of the stage, of the stages that have a condition. Every stage counts
 * as succeeded when the next is asked.
 * @throws what evaluating the pipeline raises
 */
export async function forecastConditions(
  options: ForecastOptions,
): Promise<ReadonlyMap<string, ConditionForecast>> {
  const forecasts = new Map<string, ConditionForecast>();
  if (!options.definition.stages.some((stage) => stage.has_condition)) return forecasts;
  const directory = await mkdtemp(join(tmpdir(), 'rivet-plan-'));
  try {
    const workspace = join(directory, 'workspace');
    await mkdir(workspace);
    const host: JobHost = {
      driver: createFakeDriver(),
      lua: askingOnly(options, forecasts),
      logger: silentLogger,
      workspace,
      stateDirectory: join(directory, 'state'),
      defaultImage: 'none',
      policy: {},
      secrets: noSecrets,
      limits: {
        lua: { cpuMs: 10_000, memoryBytes: 256 * 1024 * 1024 },
        logBytesMax: 10 * 1024 * 1024,
        killGraceMs: 0,
        cancelGraceMs: 0,
        timeoutMs: TIMEOUT_MS,
      },
      observer: {
        line: () => undefined,
        stage: () => undefined,
        output: () => undefined,
        summary: () => undefined,
      },
      labels: {},
    };
    const { definition, bundle, inputs } = options;
    await runJob(
      {
        id: '01980000-0000-7000-8000-000000000002',
        attempt: 1,
        pipeline: definition.name,
        version: 1,
        launchedBy: 'rivet plan',
        url: undefined,
        source: 'none',
        bundle,
        definition: undefined,
        inputs,
        onlyStage: undefined,
      },
      host,
      options.signal,
    );
    return forecasts;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** An engine whose programs run conditions, and no scripts. */
function askingOnly(
  { lua, definition, missing }: ForecastOptions,
  forecasts: Map<string, ConditionForecast>,
): LuaEngine {
  return {
    async open(program, host, limits) {
      /** By branch: what was asked for that only a run knows. */
      const unknown = new Map<string, string>();
      const vm = await lua.open(program, refuseUnknown(host, missing, unknown), limits);
      return askConditions(vm, definition, unknown, forecasts);
    },
    close: async () => undefined,
  };
}

/** What would have an effect the dispatcher refuses, as it does in every condition. */
function refuseUnknown(
  host: LuaHost,
  missing: readonly string[],
  unknown: Map<string, string>,
): LuaHost {
  return {
    async call(call) {
      const module = call.name.split('.', 1)[0] ?? '';
      const isEffect = findHostFunction(call.name)?.effect === true;
      const [first] = call.args;
      const asksMissing =
        module === 'input' &&
        (typeof first === 'string' ? missing.includes(first) : missing.length > 0);
      if (isEffect || (KNOWN_MODULES.has(module) && !asksMissing)) return await host.call(call);
      const [branch = ''] = call.branch.split('.');
      unknown.set(branch, call.name);
      throw RivetError.of('RIVET_PLAN_UNKNOWN', { function: call.name });
    },
  };
}

const CONDITION_BRANCH = /^(\d+)-condition$/;

function askConditions(
  vm: LuaVm,
  definition: PipelineDefinition,
  unknown: ReadonlyMap<string, string>,
  forecasts: Map<string, ConditionForecast>,
): LuaVm {
  return {
    get running() {
      return vm.running;
    },
    evaluate: () => vm.evaluate(),
    close: () => vm.close(),
    end: () => vm.end(),
    hurry: (cpuMs, error) => vm.hurry(cpuMs, error),
    async call(fn, args, options) {
      if (options.results !== 'truth') return await vm.call(fn, args, options);
      const index = CONDITION_BRANCH.exec(options.branch)?.[1];
      const stage = index === undefined ? undefined : definition.stages[Number(index) - 1];
      // The script of a stage: it counts as done.
      if (stage === undefined) return [true];
      const { position } = fn;
      try {
        const [met] = await vm.call(fn, args, options);
        const call = unknown.get(options.branch);
        forecasts.set(
          stage.name,
          call === undefined
            ? { answer: met === true ? 'met' : 'unmet', position }
            : { answer: 'unknown', call, position },
        );
      } catch (error) {
        const call = unknown.get(options.branch);
        forecasts.set(
          stage.name,
          call === undefined
            ? { answer: 'fails', error: toRivetError(error), position }
            : { answer: 'unknown', call, position },
        );
      }
      return [true];
    },
  };
}
