// What a run would do, worked out without starting anything: for `rivet run --dry-run`.
import { didYouMean, RivetError } from '@rivet/base';
import { maskSecretInputs, stageDependencies } from '@rivet/pipeline';
import type { InputValues, PipelineDefinition } from '@rivet/protocol';
import type { Style } from './output.ts';

/** The shape of `rivet run --dry-run --json`. */
export interface Plan {
  readonly pipeline: string;
  readonly inputs: InputValues;
  readonly stages: readonly PlannedStage[];
}

interface PlannedStage {
  readonly name: string;
  /** Stages of the same wave run at the same time; waves count from 1. */
  readonly wave: number;
  readonly needs: readonly string[];
  readonly image: string;
  /** `maybe`: its condition decides when its turn comes. */
  readonly runs: 'yes' | 'maybe' | 'no';
  /** Why `no` or `maybe`; null otherwise. */
  readonly reason: string | null;
  readonly always: boolean;
  readonly allow_failure: boolean;
}

/**
 * @param onlyStage run only this stage and what it needs
 * @throws RIVET_JOB_STAGE_UNKNOWN
 */
export function makePlan(
  definition: PipelineDefinition,
  inputs: InputValues,
  defaultImage: string,
  onlyStage: string | undefined,
): Plan {
  refuseUnknownStage(definition, onlyStage);
  const dependencies = stageDependencies(definition);
  const wanted = onlyStage === undefined ? undefined : withNeeds(onlyStage, dependencies);
  const waves = new Map<string, number>();
  const stages = definition.stages.map((stage): PlannedStage => {
    const needs = dependencies.get(stage.name) ?? [];
    return {
      name: stage.name,
      wave: waveOf(stage.name, dependencies, waves),
      needs,
      image: stage.container?.image ?? defaultImage,
      ...(wanted !== undefined && !wanted.has(stage.name)
        ? { runs: 'no' as const, reason: `"${onlyStage}" does not need it` }
        : stage.has_condition
          ? { runs: 'maybe' as const, reason: 'its condition decides when its turn comes' }
          : { runs: 'yes' as const, reason: null }),
      always: stage.always,
      allow_failure: stage.allow_failure,
    };
  });
  return { pipeline: definition.name, inputs: maskSecretInputs(definition, inputs), stages };
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

/** The lines of the plan for people. */
export function planLines(plan: Plan, style: Style): string[] {
  const inputs = Object.entries(plan.inputs);
  const lines = [
    `${style.bold(plan.pipeline)}: this is what would run; nothing was started`,
    style.bold('Inputs'),
    ...(inputs.length === 0
      ? ['  none']
      : inputs.map(([name, value]) => `  ${name} = ${JSON.stringify(value)}`)),
    style.bold('Stages'),
  ];
  const waves = [...new Set(plan.stages.map((stage) => stage.wave))].sort((a, b) => a - b);
  for (const wave of waves) {
    for (const [at, stage] of plan.stages.filter((known) => known.wave === wave).entries()) {
      lines.push(stageLine(stage, at === 0 ? `${wave}.` : '', style));
    }
  }
  return lines;
}

function stageLine(stage: PlannedStage, number: string, style: Style): string {
  const notes = [
    stage.needs.length === 0 ? 'at once' : `after ${stage.needs.join(', ')}`,
    `in ${stage.image}`,
    ...(stage.always ? ['always'] : []),
    ...(stage.allow_failure ? ['may fail'] : []),
    ...(stage.runs === 'maybe' ? [stage.reason ?? ''] : []),
  ].join(', ');
  const start = `  ${number.padStart(3)} `;
  if (stage.runs === 'no') return style.dim(`${start}${stage.name}  skipped: ${stage.reason}`);
  return `${start}${style.cyan(stage.name)}  ${notes}`;
}

type Dependencies = ReadonlyMap<string, readonly string[]>;

function withNeeds(stage: string, dependencies: Dependencies): Set<string> {
  const wanted = new Set([stage]);
  // A set grows while it is walked, and each member is walked once.
  for (const name of wanted) for (const need of dependencies.get(name) ?? []) wanted.add(need);
  return wanted;
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
