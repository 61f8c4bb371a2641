// Runs one job with the engine on this machine: workspace, containers, progress, interruption,
// clean-up.
import { stat } from 'node:fs/promises';
import {
  createLogger,
  describeThrown,
  formatDuration,
  formatSize,
  type Logger,
  RivetError,
  sleep,
  uuidv7,
} from '@rivet/base';
import { createPodmanDriver, type EndingDriver, endingDriver } from '@rivet/containers';
import {
  type InstallationPolicy,
  loadInstallationPolicy,
  runJob,
  type SecretProvider,
} from '@rivet/engine';
import type { LuaEngine } from '@rivet/lua';
import type { InputValues, JobOutcome, PipelineBundle, PipelineDefinition } from '@rivet/protocol';
import type { CommandContext } from './command.ts';
import type { Config } from './config.ts';
import { exitCodes } from './exit-codes.ts';
import { createNoteLogger } from './note-logger.ts';
import { createProgress } from './progress/create-progress.ts';
import type { Progress } from './progress/progress.ts';
import {
  createRunDirectory,
  keepRunDirectory,
  type RunDirectory,
  removeDeadRuns,
  runLabels,
} from './run-directory.ts';
import { RunRemains } from './run-remains.ts';
import { copyTree } from './workspace-tree.ts';

/** How /workspace begins; directories are absolute. */
export type WorkspaceSource =
  | { readonly kind: 'tree'; readonly directory: string }
  | { readonly kind: 'bind'; readonly directory: string }
  | { readonly kind: 'empty' };

export interface LocalJob {
  readonly bundle: PipelineBundle;
  readonly definition: PipelineDefinition;
  readonly inputs: InputValues;
  readonly onlyStage: string | undefined;
  readonly source: WorkspaceSource;
  readonly secrets: SecretProvider;
}

/** A command's context, and the engine that it opened. */
export type RunContext = CommandContext & { readonly lua: LuaEngine };

export interface LocalRunOptions {
  readonly defaultImage: string;
  readonly keep: boolean;
  readonly json: boolean;
}

/** What a job may use on a laptop: see lua-api.md, "Limits". */
const LIMITS = {
  lua: { cpuMs: 10_000, memoryBytes: 256 * 1024 * 1024 },
  logBytesMax: 100 * 1024 * 1024,
  killGraceMs: 5_000,
  cancelGraceMs: 30_000,
  timeoutMs: 24 * 3_600_000,
} as const;

/** How long a forced end tries to remove containers, in milliseconds. */
const FORCE_MS = 10_000;
/** A copy that takes longer is worth a remark, in milliseconds. */
const SLOW_COPY_MS = 2_000;

/** Runs the job to its end and removes what it used; gives the exit code. */
export async function runLocally(
  job: LocalJob,
  options: LocalRunOptions,
  config: Config,
  context: RunContext,
): Promise<number> {
  const { interrupt, output } = context;
  if (job.source.kind !== 'empty') await refuseNoDirectory(job.source.directory);
  const id = uuidv7();
  const logger =
    config.logLevel === 'warn'
      ? createNoteLogger(output)
      : createLogger({ name: 'rivet', level: config.logLevel });
  const policy = await loadInstallationPolicy(config.policyFile);
  const podman = createPodmanDriver({
    logger,
    env: context.env,
    insecureRegistries: policy.container?.insecure_registries,
    signaturePolicy: policy.container?.signature_policy,
  });
  const directory = await createRunDirectory(config.dataDirectory, id);
  const remains = new RunRemains(podman, directory, config.dataDirectory);
  const driver = endingDriver(
    { driver: podman, disposal: remains, slot: undefined, onStart: () => undefined },
    runLabels(id),
  );
  const stages = job.definition.stages.map((stage) => stage.name);
  const progress = createProgress(output, stages, { json: options.json });
  output.closed.addEventListener('abort', () => interrupt.trigger('the end of its reader'));
  interrupt.signal.addEventListener('abort', () =>
    output.note('Canceling the job and cleaning up; once more forces.'),
  );
  try {
    const work = async (): Promise<number> => {
      await removeDeadRuns(config.dataDirectory, podman, 'killed');
      const workspace = await prepareWorkspace(job.source, directory, progress, context);
      return await runInWorkspace({
        id,
        job,
        options,
        driver,
        directory,
        workspace,
        progress,
        context,
        logger,
        policy,
      });
    };
    return await Promise.race([work(), forcedEnd(id, driver, context)]);
  } finally {
    progress.stop();
    await endRun(directory, driver, remains, options.keep, context);
  }
}

interface Attempt {
  readonly id: string;
  readonly job: LocalJob;
  readonly options: LocalRunOptions;
  readonly driver: EndingDriver;
  readonly directory: RunDirectory;
  readonly workspace: string;
  readonly progress: Progress;
  readonly context: RunContext;
  readonly logger: Logger;
  readonly policy: InstallationPolicy;
}

async function runInWorkspace(attempt: Attempt): Promise<number> {
  const { id, job, options, driver, directory, workspace, progress, context, logger } = attempt;
  // Without a prototype, so that an output may have any name.
  const outputs: Record<string, unknown> = Object.create(null);
  let summary: string | null = null;
  const beganAt = performance.now();
  const outcome = await runJob(
    {
      id,
      attempt: 1,
      pipeline: job.definition.name,
      version: 1,
      launchedBy: 'rivet run',
      url: undefined,
      source: job.source.kind === 'empty' ? 'none' : 'tree',
      bundle: job.bundle,
      // Known already, so the first container starts while the script is being read once more.
      definition: job.definition,
      inputs: job.inputs,
      onlyStage: job.onlyStage,
    },
    {
      driver,
      lua: context.lua,
      logger,
      workspace,
      stateDirectory: directory.state,
      defaultImage: options.defaultImage,
      policy: attempt.policy,
      secrets: job.secrets,
      limits: LIMITS,
      observer: {
        line: (line) => progress.line(line),
        stage: (change) => progress.stage(change),
        output: (name, value) => {
          if (value === undefined) delete outputs[name];
          else outputs[name] = value;
        },
        summary: (markdown) => {
          summary = markdown;
        },
      },
      earlyStart: true,
      runAhead: true,
      labels: runLabels(id),
    },
    context.interrupt.signal,
  );
  progress.end({ ...outcome, durationMs: performance.now() - beganAt, outputs, summary });
  return exitCodeOf(outcome, context);
}

function exitCodeOf(outcome: JobOutcome, { interrupt }: CommandContext): number {
  if (outcome.state === 'succeeded') return exitCodes.success;
  return interrupt.signal.aborted ? exitCodes.interrupted : exitCodes.failed;
}

/** The directory that is mounted at /workspace. */
async function prepareWorkspace(
  source: WorkspaceSource,
  directory: RunDirectory,
  progress: Progress,
  { env, interrupt, output }: CommandContext,
): Promise<string> {
  if (source.kind === 'bind') return source.directory;
  if (source.kind === 'empty') return directory.workspace;
  const beganAt = performance.now();
  const copied = await copyTree(source.directory, directory.workspace, env, interrupt.signal);
  const tookMs = performance.now() - beganAt;
  if (tookMs > SLOW_COPY_MS) {
    const what = `${copied.files} files (${formatSize(copied.bytes)})`;
    progress.remark(`copied ${what} to the workspace in ${formatDuration(tookMs)}`);
  }
  if (copied.skipped.length > 0) {
    const names = copied.skipped.slice(0, 5).join(', ');
    output.note(`Left out of the workspace, because they are no files: ${names}`);
  }
  return directory.workspace;
}

/** Rejects after the second signal, when the containers are gone or cannot be removed in time. */
function forcedEnd(
  id: string,
  driver: EndingDriver,
  { interrupt }: CommandContext,
): Promise<never> {
  return new Promise((_, reject) => {
    interrupt.force.addEventListener('abort', () => {
      const labels = runLabels(id);
      const containers = driver.removeLabelled(labels);
      const removed = containers.then(() => driver.removeBuilt(labels)).catch(() => 0);
      void Promise.race([removed, sleep(FORCE_MS)]).then(() => reject(interrupt.force.reason));
    });
  });
}

/** Nothing of the run goes on when this resolves; what is left of it is gone moments later. */
async function endRun(
  directory: RunDirectory,
  driver: EndingDriver,
  remains: RunRemains,
  keep: boolean,
  { env, output }: CommandContext,
): Promise<void> {
  try {
    await driver.endAll();
    if (keep) {
      await remains.settle();
      await keepRunDirectory(directory);
      output.note(`The workspace is kept at ${directory.workspace}`);
    } else await remains.leave(env);
  } catch (error) {
    output.note(`${directory.path} could not be removed: ${describeThrown(error)}`);
    output.note('  The next "rivet run" tries again.');
  }
  await driver.close();
}

async function refuseNoDirectory(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) return;
  const problem = found === undefined ? 'does not exist' : 'is no directory';
  throw RivetError.of('RIVET_USAGE', {
    problem: `${path} ${problem}`,
    hint: 'Name an existing directory after --tree or --bind.',
  });
}
