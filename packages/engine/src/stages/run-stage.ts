// Runs a stage from its condition to its final state: runs again where it may, tells every change.
import { formatDuration, type RivetError, toRivetError } from '@rivet/base';
import { type LuaFunction, type LuaVm, renderLuaError } from '@rivet/lua';
import {
  type StageChange,
  type StageDefinition,
  type StageRetryCause,
  stageRetryCauses,
} from '@rivet/protocol';
import { stageLine } from '../log/log-writer.ts';
import { describeFailure, failureReason, reportFailed } from '../outcome.ts';
import { type Policy, stagePolicy } from '../policy/policy.ts';
import { executeStage, type JobEnvironment } from './execute-stage.ts';
import { createStageRun, type StageRun } from './stage-run.ts';

/** The functions of a stage, the program they belong to, and its place in the file, from 0. */
export interface StageCode {
  readonly vm: LuaVm;
  readonly index: number;
  readonly script: LuaFunction;
  readonly condition: LuaFunction | undefined;
}

export type StageEnd =
  | { readonly state: 'succeeded' | 'skipped' }
  | { readonly state: 'failed' | 'canceled'; readonly error: RivetError };

/**
 * Never throws: what goes wrong is the end of the stage. Its changes have been told when it
 * resolves.
 * @param load the code of the stage, in a fresh program when the one before was lost
 */
export async function runStage(
  environment: JobEnvironment,
  stage: StageDefinition,
  load: () => Promise<StageCode>,
): Promise<StageEnd> {
  const tell = (change: Partial<StageChange> & Pick<StageChange, 'state' | 'run'>) =>
    tellStage(environment, stage.name, change);

  const condition = await askCondition(environment, stage, load);
  if (condition.state === 'unmet') {
    await tell({ state: 'skipped', run: 1, reason: 'its condition was not met' });
    return { state: 'skipped' };
  }
  await tell({ state: 'running', run: 1 });
  if (condition.state === 'failed') return await end(1, condition.error, 0);

  for (let count = 1; ; count += 1) {
    const run = createStageRun(stage.name, count, policyOf(environment, stage));
    try {
      const { vm, index, script: fn } = await load();
      const branch = runBranch(index, count);
      await executeStage({ ...environment, vm }, stage, run, { fn, branch });
      await tell({ state: 'succeeded', run: count, ...uncheckedExits(run) });
      return { state: 'succeeded' };
    } catch (thrown) {
      const error = toRivetError(thrown);
      const again = count <= stage.retry_max && mayRunAgain(environment, stage, error);
      if (!again) return await end(count, error, run.unchecked.size);
      await logAgain(environment, stage, error, count);
      if (!(await beganBefore(environment, load, count + 1))) {
        await pause(environment, stage.retry_delay_ms);
      }
      const { halted } = environment.control;
      if (halted !== undefined) {
        return await end(count, halted.code === 'RIVET_JOB_CANCELED' ? halted : error, 0);
      }
      await tell({
        state: 'running',
        run: count + 1,
        reason: `run ${count} failed: ${error.message}`,
      });
    }
  }

  async function end(run: number, error: RivetError, unchecked: number): Promise<StageEnd> {
    const state = error.code === 'RIVET_JOB_CANCELED' ? 'canceled' : 'failed';
    if (state === 'failed') await logFailure(environment, stage.name, error);
    await tell({
      state,
      run,
      reason: describeFailure(error),
      ...(state === 'failed' ? { code: error.code } : {}),
      ...(unchecked === 0 ? {} : { unchecked_exits: unchecked }),
    });
    return { state, error };
  }
}

/** Tells the observer; a program that cannot take it ends the job. */
export async function tellStage(
  { job, control }: Pick<JobEnvironment, 'job' | 'control'>,
  stage: string,
  change: Partial<StageChange> & Pick<StageChange, 'state' | 'run'>,
): Promise<void> {
  try {
    await job.host.observer.stage({ ...change, stage, t: new Date(job.clock.now()).toISOString() });
  } catch (error) {
    control.stop(reportFailed(error));
  }
}

type ConditionAnswer =
  | { readonly state: 'met' | 'unmet' }
  | { readonly state: 'failed'; readonly error: RivetError };

async function askCondition(
  environment: JobEnvironment,
  stage: StageDefinition,
  load: () => Promise<StageCode>,
): Promise<ConditionAnswer> {
  try {
    const { vm, index, condition: fn } = await load();
    if (fn === undefined) return { state: 'met' };
    const run = createStageRun(stage.name, 1, policyOf(environment, stage));
    run.inCondition = true;
    const branch = `${index + 1}-condition`;
    const met = await executeStage({ ...environment, vm }, stage, run, { fn, branch });
    return { state: met ? 'met' : 'unmet' };
  } catch (error) {
    return { state: 'failed', error: toRivetError(error) };
  }
}

function policyOf({ job }: JobEnvironment, stage: StageDefinition): Policy {
  return stagePolicy(job.host.policy, job.definition.policy, stage.policy);
}

function uncheckedExits(run: StageRun): { unchecked_exits?: number } {
  return run.unchecked.size === 0 ? {} : { unchecked_exits: run.unchecked.size };
}

/** Running again helps neither a job that ends nor a script that broke a rule. */
function mayRunAgain(
  { control }: JobEnvironment,
  stage: StageDefinition,
  error: RivetError,
): boolean {
  const cause = retryCause(error);
  if (cause === undefined || control.halted !== undefined) return false;
  return stage.retry_on?.includes(cause) ?? true;
}

/** What of a failure another run may help against; undefined for a mistake in the script. */
function retryCause(error: RivetError): StageRetryCause | undefined {
  // An error that the script itself raised is how it says that something failed.
  if (error.code === 'RIVET_LUA_ERROR') return 'stage_failed';
  const reason = failureReason(error);
  return stageRetryCauses.find((cause) => cause === reason);
}

/** The pause before another run; ends early with the job. */
async function pause({ job, control }: JobEnvironment, delayMs = 0): Promise<void> {
  if (delayMs === 0) return;
  const over = Promise.withResolvers<void>();
  const cancel = job.clock.after(delayMs, over.resolve);
  await Promise.race([over.promise, control.halt]);
  cancel();
}

/** The branch of a run of a stage, which no other has in this attempt. */
function runBranch(index: number, run: number): string {
  return `${index + 1}-${run}`;
}

/** Whether an earlier process began this run: it has paused before. */
async function beganBefore(
  { job }: JobEnvironment,
  load: () => Promise<StageCode>,
  run: number,
): Promise<boolean> {
  if (job.replay === undefined) return false;
  try {
    const { index } = await load();
    return job.replay.beganAt(runBranch(index, run)) !== undefined;
  } catch {
    // Whoever runs it meets the same problem, and tells it.
    return false;
  }
}

async function logAgain(
  { job }: JobEnvironment,
  stage: StageDefinition,
  error: RivetError,
  count: number,
): Promise<void> {
  await job.log.write(stageLine(stage.name, 'error'), renderLuaError(error));
  const runs = stage.retry_max + 1;
  const { retry_delay_ms: delay } = stage;
  const when = delay === undefined ? '' : ` in ${formatDuration(delay)}`;
  await job.log.write(
    stageLine(stage.name, 'warning'),
    `run ${count} of ${runs} failed; the stage runs again${when}`,
  );
}

async function logFailure(
  { job }: JobEnvironment,
  stage: string,
  error: RivetError,
): Promise<void> {
  const text = `stage "${stage}" failed: ${renderLuaError(error)}`;
  await job.log.write(stageLine(stage, 'error'), text);
}
