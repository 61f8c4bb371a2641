// Executes the script of a stage once: branch, container and timeout, and what it leaves behind.
import { formatDuration, isRivetError, RivetError, toRivetError } from '@rivet/base';
import type { LuaFunction, LuaVm } from '@rivet/lua';
import type { StageDefinition } from '@rivet/protocol';
import type { Branch } from '../branch.ts';
import type { JobContainers } from '../containers/job-containers.ts';
import { watchWorkspace } from '../fs/job-workspace.ts';
import type { JobContext } from '../job-context.ts';
import { stageLine } from '../log/log-writer.ts';
import { removeSecretFiles } from '../secrets/secret-file.ts';
import { type EarlyStart, stageContainers } from './early-start.ts';
import type { JobControl } from './job-control.ts';
import { type StageRun, stopCommands } from './stage-run.ts';

/** How much longer than its commands a stopped script may take to end, in milliseconds. */
const STOPPED_SCRIPT_MS = 20_000;
/** CPU time that scripts which must end have between two calls, in milliseconds. */
const STOPPED_CPU_MS = 500;

/** What the stages of a job share. */
export interface JobEnvironment {
  readonly job: JobContext;
  readonly control: JobControl;
  readonly containers: JobContainers;
  /** Starts containers of stages that are certain to run. */
  readonly early?: EarlyStart | undefined;
}

/** What a stage runs on. */
interface StageEnvironment extends JobEnvironment {
  readonly vm: LuaVm;
}

/**
 * Calls `fn` as a stage and settles everything it left: commands, containers, exit codes that
 * nobody looked at. The stage's signal counts more than what the script made of it.
 * @param branch name of the branch, not used before in this attempt
 * @returns whether the function returned what counts as true
 * @throws the RivetError that the stage failed with
 */
export async function executeStage(
  environment: StageEnvironment,
  stage: StageDefinition,
  run: StageRun,
  call: { readonly fn: LuaFunction; readonly branch: string },
): Promise<boolean> {
  const { job, control } = environment;
  const leave = control.enter(run, stage.always);
  const cancelTimeout = startTimeout(job, stage, run, call.branch);
  const watch = watchWorkspace(job, run);
  const relax = hurryWhenStopped(environment, run);
  try {
    const truth = await callScript(environment, stage, run, call);
    await watch.settle();
    return truth;
  } catch (error) {
    // A command that was stopped fails too: why it was stopped is the news.
    throw toRivetError(run.signal.aborted ? run.signal.reason : error);
  } finally {
    cancelTimeout?.();
    relax();
    watch.stop();
    leave();
    run.parked = true;
    await job.ahead.settle(run);
    // Branches below it may still be there when its script was left where it is.
    await settle(job, run, job.branches.forget(call.branch));
  }
}

/**
 * A script that only computes hears of nothing: its program is ended, with all stages that run in
 * it. Where one stage among several is over its time, the others may go on and the limit has to do.
 */
function hurryWhenStopped({ vm, control }: StageEnvironment, run: StageRun): () => void {
  let relax = (): void => {};
  const hurry = (): void => {
    const error = toRivetError(run.signal.reason);
    const endsAll = isRivetError(error, 'RIVET_JOB_CANCELED', 'RIVET_JOB_TIMEOUT');
    if (endsAll || control.isAlone(run)) relax = vm.hurry(STOPPED_CPU_MS, error);
  };
  run.signal.addEventListener('abort', hurry, { once: true });
  return () => {
    run.signal.removeEventListener('abort', hurry);
    relax();
  };
}

async function callScript(
  { job, containers, vm }: StageEnvironment,
  stage: StageDefinition,
  run: StageRun,
  { fn, branch }: { readonly fn: LuaFunction; readonly branch: string },
): Promise<boolean> {
  const place = { name: stage.name, run: run.run, branch };
  const made = containers.forStage(place, stageContainers(job, stage, run.policy));
  job.branches.open(branch, run, made);
  await job.ahead.makeRoom();
  run.signal.throwIfAborted();
  const ended = vm.call(fn, [], { branch, results: 'truth' });
  const [truth] = await Promise.race([ended, stopDeadline(job, run)]);
  run.signal.throwIfAborted();
  return truth === true;
}

function startTimeout(
  job: JobContext,
  stage: StageDefinition,
  run: StageRun,
  branch: string,
): (() => void) | undefined {
  const { timeout_ms: timeoutMs, name } = stage;
  if (timeoutMs === null) return undefined;
  const now = job.clock.now();
  const ranMs = now - Math.min(now, job.replay?.beganAt(branch) ?? now);
  const expire = (): void =>
    run.stop(
      RivetError.of('RIVET_STAGE_TIMEOUT', { stage: name, limit: formatDuration(timeoutMs) }),
    );
  return job.clock.after(Math.max(0, timeoutMs - ranMs), expire);
}

/**
 * Rejects when a stopped script goes on: long after its commands were killed, or with call after
 * call.
 */
async function stopDeadline(job: JobContext, run: StageRun): Promise<never> {
  const wait = (): void => {
    // Without holding the program: the script has most likely ended long before.
    setTimeout(run.abandon, job.host.limits.killGraceMs + STOPPED_SCRIPT_MS).unref();
  };
  if (run.signal.aborted) wait();
  else run.signal.addEventListener('abort', wait, { once: true });
  await run.abandoned;
  throw run.signal.reason;
}

async function settle(job: JobContext, run: StageRun, branches: readonly Branch[]): Promise<void> {
  const { stage } = run;
  await stopCommands(run, undefined, job.host.limits.killGraceMs, (problem) =>
    job.logger.warn({ stage, problem }, 'a command did not stop'),
  );
  for (const { shown, exitCode, position } of run.unchecked.values()) {
    const where = position === undefined ? '' : `${position.file}:${position.line}: `;
    await job.log.write(
      stageLine(stage, 'warning'),
      `${where}${shown} exited with code ${exitCode} and nothing looked at it; pass \`check = true\`, or look at \`exit_code\``,
    );
  }
  for (const command of run.spawned.values()) command.forget();
  await removeSecretFiles(job, run);
  try {
    await Promise.all(branches.map((branch) => branch.containers.closeAll()));
  } catch (error) {
    // The sweep at the end of the job removes what is left.
    job.logger.warn({ stage, problem: toRivetError(error).message }, 'a container did not close');
  }
}
