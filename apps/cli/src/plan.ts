// What a run would do, worked out without starting anything: for `rivet plan` and `rivet run
// --dry-run`.
import { didYouMean, RivetError } from '@rivet/base';
import type { ConditionForecast } from '@rivet/engine';
import { maskSecretInputs, stageDependencies } from '@rivet/pipeline';
import type { InputValues, PipelineDefinition, RunnerTag, StageDefinition } from '@rivet/protocol';

/** The shape of `rivet plan --json`. */
export interface Plan {
  readonly pipeline: string;
  readonly inputs: InputValues;
  /** Required inputs without a value: a run needs them. */
  readonly missing: readonly string[];
  /** Names of the secrets that it may read. */
  readonly secrets: readonly string[];
  /** Whom its jobs may prove their identity to. */
  readonly id_tokens: readonly string[];
  /** Names and versions. */
  readonly plugins: readonly string[];
  /** Tags that a runner must have. */
  readonly runner: readonly RunnerTag[];
  /** Of the stages that may run; containers that scripts open are not known before. */
  readonly images: readonly string[];
  readonly timeout_ms: number | null;
  readonly stages: readonly PlannedStage[];
}

export interface PlannedStage {
  readonly name: string;
  /** Stages of the same wave run at the same time; waves count from 1. */
  readonly wave: number;
  /** All that it waits for. */
  readonly needs: readonly string[];
  /** Those of `needs` that no other of them waits for. */
  readonly after: readonly string[];
  readonly image: string;
  /** `maybe`: something that is only known in a run decides. */
  readonly runs: 'yes' | 'maybe' | 'no';
  /** Why `no` or `maybe`; null otherwise. */
  readonly reason: string | null;
  /** Where its condition is written; null without one. */
  readonly condition: string | null;
  readonly timeout_ms: number | null;
  /** How often it runs again after a failure. */
  readonly retry_max: number;
  readonly readonly: boolean;
  readonly always: boolean;
  readonly allow_failure: boolean;
}

export interface PlanOptions {
  readonly definition: PipelineDefinition;
  readonly inputs: InputValues;
  readonly missing: readonly string[];
  readonly defaultImage: string;
  /** Run only this stage and what it needs. */
  readonly onlyStage: string | undefined;
  /** What the conditions say, by stage. */
  readonly forecasts: ReadonlyMap<string, ConditionForecast>;
}

type Dependencies = ReadonlyMap<string, readonly string[]>;

/** @throws RIVET_JOB_STAGE_UNKNOWN */
export function makePlan(options: PlanOptions): Plan {
  const { definition, inputs, defaultImage, onlyStage } = options;
  refuseUnknownStage(definition, onlyStage);
  const dependencies = stageDependencies(definition);
  const wanted = onlyStage === undefined ? undefined : withNeeds([onlyStage], dependencies);
  const waves = new Map<string, number>();
  const stages = definition.stages.map((stage): PlannedStage => {
    const needs = dependencies.get(stage.name) ?? [];
    const position = options.forecasts.get(stage.name)?.position;
    return {
      name: stage.name,
      wave: waveOf(stage.name, dependencies, waves),
      needs,
      after: nearestNeeds(needs, dependencies),
      image: stage.container?.image ?? defaultImage,
      ...(wanted?.has(stage.name) === false
        ? { runs: 'no' as const, reason: `"${onlyStage}" does not need it` }
        : whetherItRuns(stage, options.forecasts.get(stage.name))),
      condition: position === undefined ? null : `${position.file}:${position.line}`,
      timeout_ms: stage.timeout_ms,
      retry_max: stage.retry_max,
      readonly: stage.readonly,
      always: stage.always,
      allow_failure: stage.allow_failure,
    };
  });
  const running = stages.filter(({ runs }) => runs !== 'no');
  return {
    pipeline: definition.name,
    inputs: maskSecretInputs(definition, inputs),
    missing: options.missing,
    secrets: definition.secrets,
    id_tokens: definition.id_tokens ?? [],
    plugins: definition.plugins.map(({ name, version }) => `${name} ${version}`),
    runner: definition.runner,
    images: [...new Set(running.map(({ image }) => image))].sort(),
    timeout_ms: definition.timeout_ms,
    stages,
  };
}

function whetherItRuns(
  stage: StageDefinition,
  forecast: ConditionForecast | undefined,
): Pick<PlannedStage, 'runs' | 'reason'> {
  if (!stage.has_condition) return { runs: 'yes', reason: null };
  if (forecast === undefined) {
    return { runs: 'maybe', reason: 'its condition decides when its turn comes' };
  }
  const where = `its condition at ${forecast.position.file}:${forecast.position.line}`;
  switch (forecast.answer) {
    case 'met':
      return { runs: 'yes', reason: null };
    case 'unmet':
      return { runs: 'no', reason: `${where} is not met with these inputs` };
    case 'unknown':
      return { runs: 'maybe', reason: `${where} calls ${forecast.call}, known only in a run` };
    case 'fails':
      return { runs: 'no', reason: `${where} fails: ${forecast.error.message}` };
  }
}

/** @throws RIVET_JOB_STAGE_UNKNOWN naming the nearest */
export function refuseUnknownStage(
  definition: PipelineDefinition,
  stage: string | undefined,
): void {
  const names = definition.stages.map((known) => known.name);
  if (stage === undefined || names.includes(stage)) return;
  throw RivetError.of('RIVET_JOB_STAGE_UNKNOWN', {
    stage,
    nearest: didYouMean(stage, names),
    stages: names.join(', '),
    hint: `The pipeline has the stages ${names.join(', ')}.`,
  });
}

/** The stages themselves and all that they wait for, near or far. */
function withNeeds(stages: readonly string[], dependencies: Dependencies): Set<string> {
  const wanted = new Set(stages);
  // A set grows while it is walked, and each member is walked once.
  for (const name of wanted) for (const need of dependencies.get(name) ?? []) wanted.add(need);
  return wanted;
}

function nearestNeeds(needs: readonly string[], dependencies: Dependencies): string[] {
  const behind = withNeeds(
    needs.flatMap((need) => dependencies.get(need) ?? []),
    dependencies,
  );
  return needs.filter((need) => !behind.has(need));
}

/**
 * One more than the latest of what it waits for. Without recursion: a chain of stages may be long.
 */
function waveOf(name: string, dependencies: Dependencies, waves: Map<string, number>): number {
  const stack = [name];
  for (let at = stack.at(-1); at !== undefined; at = stack.at(-1)) {
    const needs = dependencies.get(at) ?? [];
    const open = needs.filter((need) => !waves.has(need));
    if (open.length > 0) {
      stack.push(...open);
    } else {
      waves.set(at, 1 + Math.max(0, ...needs.map((need) => waves.get(need) ?? 0)));
      stack.pop();
    }
  }
  return waves.get(name) ?? 1;
}
