// Runs a pipeline for a test: the engine that runners use, with commands that a test answers, in a
// time that does not pass by itself.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { didYouMean, RivetError } from '@rivet/base';
import type { LuaEngine } from '@rivet/lua';
import type { InputValues, JobOutcome } from '@rivet/protocol';
import { runJob } from '../run-job.ts';
import type { Ask } from './mock-log.ts';
import { createMockedHost, type JobRecord } from './mocked-host.ts';
import type { RunRequest } from './run-request.ts';
import type { TestedPipeline } from './tested-pipelines.ts';
import { createTimeLapse } from './time-lapse.ts';
import { writeWorkspaceFiles } from './workspace-files.ts';

/** The same for every run, so that `math.random` takes the same course. */
const JOB_ID = '01980000-0000-7000-8000-000000000001';

export interface MockedRun extends JobRecord {
  readonly outcome: JobOutcome;
  readonly durationMs: number;
  /** The directory at /workspace; whoever asked for the run calls `remove`. */
  readonly workspace: string;
  remove(): Promise<void>;
}

export interface MockedRunOptions {
  readonly lua: LuaEngine;
  readonly pipeline: TestedPipeline;
  readonly request: RunRequest;
  readonly ask: Ask;
  readonly defaultImage: string;
  /** Aborting cancels the job. */
  readonly signal: AbortSignal;
}

/**
 * @throws RIVET_INPUT_INVALID, RIVET_INPUT_MISSING, RIVET_JOB_STAGE_UNKNOWN, RIVET_TEST_PATH; a
 *   failing job is an outcome
 */
export async function runMocked(options: MockedRunOptions): Promise<MockedRun> {
  const { pipeline, request } = options;
  refuseUnknownStage(pipeline, request.options.stage);
  const inputs = await pipeline.inputs(request.options.inputs ?? {});
  const directory = await mkdtemp(join(tmpdir(), 'rivet-test-'));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    return { ...(await runIn(directory, options, inputs)), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Secrets, and inputs that are, by their names. */
function secretTexts(
  { definition }: TestedPipeline,
  { secrets }: RunRequest,
  inputs: InputValues,
): ReadonlyMap<string, string> {
  const given = definition.inputs.flatMap(({ name, secret }): [string, string][] => {
    const value = inputs[name];
    return secret && typeof value === 'string' && value !== '' ? [[name, value]] : [];
  });
  return new Map([...given, ...secrets]);
}

function refuseUnknownStage({ definition }: TestedPipeline, stage: string | undefined): void {
  const names = definition.stages.map(({ name }) => name);
  if (stage === undefined || names.includes(stage)) return;
  throw RivetError.of('RIVET_JOB_STAGE_UNKNOWN', { stage, nearest: didYouMean(stage, names) });
}

async function runIn(
  directory: string,
  options: MockedRunOptions,
  inputs: InputValues,
): Promise<Omit<MockedRun, 'remove'>> {
  const { lua, pipeline, request, ask, defaultImage, signal } = options;
  const { definition, bundle } = pipeline;
  const workspace = join(directory, 'workspace');
  await mkdir(workspace);
  await writeWorkspaceFiles(workspace, request.files, 'mock.file');
  const lapse = createTimeLapse(lua, request.startMs);
  const { host, record } = createMockedHost({
    lapse,
    ask,
    secrets: request.secrets,
    hidden: secretTexts(pipeline, request, inputs),
    audiences: definition.id_tokens ?? [],
    stages: definition.stages.map(({ name }) => name),
    workspace,
    stateDirectory: join(directory, 'state'),
    defaultImage,
  });
  const canceled = new AbortController();
  const { cancel_after: cancelAfterMs } = request.options;
  if (cancelAfterMs !== undefined) lapse.clock.after(cancelAfterMs, () => canceled.abort());
  const outcome = await runJob(
    {
      id: JOB_ID,
      attempt: 1,
      pipeline: definition.name,
      version: 1,
      launchedBy: request.options.launched_by ?? 'rivet test',
      event: request.options.event ?? 'manual',
      url: undefined,
      source: request.options.source ?? 'tree',
      bundle,
      definition,
      inputs,
      onlyStage: request.options.stage,
    },
    host,
    AbortSignal.any([signal, canceled.signal]),
  );
  const durationMs = lapse.clock.now() - request.startMs;
  return { ...record, outcome, durationMs, workspace };
}
