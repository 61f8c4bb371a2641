// Runs all stages of a job and says how it ended.
import { didYouMean, RivetError } from '@rivet/base';
import { stageDependencies } from '@rivet/pipeline';
import type { JobOutcome, StageDefinition } from '@rivet/protocol';
import { failedOutcome } from '../outcome.ts';
import type { ScriptHolder } from '../script.ts';
import type { JobEnvironment } from './execute-stage.ts';
import { runStage, type StageCode, tellStage } from './run-stage.ts';
import { scheduleStages } from './schedule.ts';

/** @throws RIVET_JOB_STAGE_UNKNOWN; what happens in a stage is no exception but the outcome */
export async function runStages(
  environment: JobEnvironment,
  scripts: ScriptHolder,
): Promise<JobOutcome> {
  const { job, control, early } = environment;
  const { definition, spec } = job;
  const settled = new Set<string>();
  const running = new Set<string>();
  let failedStage: string | undefined;
  const dependencies = stageDependencies(definition);
  await scheduleStages({
    stages: definition.stages,
    dependencies,
    selected: selectStages(dependencies, spec.onlyStage),
    halt: control.halt,
    halted: () =>
      control.halted === undefined
        ? undefined
        : {
            reason: failedStage ? `stage "${failedStage}" failed` : control.halted.message,
            canceled: control.canceled,
          },
    leaveOut: (stage, state, reason) =>
      tellStage(environment, stage.name, { state, run: 1, reason }),
    async run(stage) {
      const load = () => loadStage(definition.stages, scripts, stage);
      running.add(stage.name);
      // A selection of stages ends before the next one may begin.
      if (spec.onlyStage === undefined) early?.after(settled, running);
      const end = await runStage(environment, stage, load);
      running.delete(stage.name);
      settled.add(stage.name);
      if (end.state === 'failed') {
        if (!stage.allow_failure) {
          if (control.halted === undefined) failedStage = stage.name;
          control.stageFailed(end.error);
        }
      }
      return end;
    },
  });
  if (control.halted === undefined) return { state: 'succeeded' };
  const outcome = failedOutcome(control.halted);
  if (failedStage === undefined) return outcome;
  return { ...outcome, message: `stage "${failedStage}" failed: ${outcome.message}` };
}

/**
 * The code of a stage. A lost Lua process takes the stages that run in it along; those that begin,
 * or run again, get a fresh one.
 */
async function loadStage(
  stages: readonly StageDefinition[],
  scripts: ScriptHolder,
  stage: StageDefinition,
): Promise<StageCode> {
  const { vm, functions } = await scripts.current();
  const code = functions.stages.get(stage.name);
  if (code === undefined) throw new Error(`the stage "${stage.name}" has no functions`);
  return { vm, index: stages.indexOf(stage), ...code };
}

/**
 * The names of a stage and everything it waits for, near or far.
 * @throws RIVET_JOB_STAGE_UNKNOWN
 */
function selectStages(
  dependencies: ReadonlyMap<string, readonly string[]>,
  only: string | undefined,
): ReadonlySet<string> | undefined {
  if (only === undefined) return undefined;
  const names = [...dependencies.keys()];
  if (!names.includes(only)) {
    throw RivetError.of('RIVET_JOB_STAGE_UNKNOWN', {
      stage: only,
      nearest: didYouMean(only, names),
      hint: `Name one of the stages of the pipeline: ${names.join(', ')}.`,
    });
  }
  const selected = new Set([only]);
  // A set is walked in the order of insertion, what is added meanwhile included.
  for (const name of selected) {
    for (const need of dependencies.get(name) ?? []) selected.add(need);
  }
  return selected;
}
