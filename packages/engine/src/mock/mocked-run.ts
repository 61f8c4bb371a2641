// Runs a pipeline for a test: the engine that runners use, with commands that a test answers, in a
// time that does not pass by itself.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { didYouMean, RivetError, silentLogger } from '@rivet/base';
import { createFakeDriver } from '@rivet/containers';
import type { LuaEngine, LuaRecord } from '@rivet/lua';
import type { InputValues, JobOutcome, LogLine, StageChange } from '@rivet/protocol';
import type { JobHost, JobLimits } from '../job.ts';
import { runJob } from '../run-job.ts';
import { givenSecrets } from '../secrets/secret-provider.ts';
import { type CommandRecord, createCommandMocks } from './command-mocks.ts';
import { createCurrentCall } from './current-call.ts';
import { createHttpMocks } from './http-mocks.ts';
import { createImageMocks } from './image-mocks.ts';
import { type Ask, createMockLog } from './mock-log.ts';
import type { RunRequest } from './run-request.ts';
import { createShownSecrets } from './shown-secrets.ts';
import type { TestedPipeline } from './tested-pipelines.ts';
import { createTimeLapse } from './time-lapse.ts';
import { writeWorkspaceFiles } from './workspace-files.ts';

const LIMITS: JobLimits = {
  lua: { cpuMs: 10_000, memoryBytes: 256 * 1024 * 1024 },
  logBytesMax: 50 * 1024 * 1024,
  killGraceMs: 200,
  cancelGraceMs: 30_000,
  timeoutMs: 24 * 3_600_000,
};

/** The same for every run, so that `math.random` takes the same course. */
const JOB_ID = '01980000-0000-7000-8000-000000000001';

export interface MockedRun {
  readonly outcome: JobOutcome;
  readonly durationMs: number;
  readonly changes: readonly StageChange[];
  readonly commands: readonly CommandRecord[];
  readonly requests: readonly LuaRecord[];
  readonly images: readonly LuaRecord[];
  readonly outputs: ReadonlyMap<string, unknown>;
  readonly lines: readonly LogLine[];
  /** Lines that say what was met that no mock answers, and what would. */
  readonly unmocked: readonly string[];
  /** What the functions of the test raised. */
  readonly broken: readonly unknown[];
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
    const workspace = join(directory, 'workspace');
    await mkdir(workspace);
    await writeWorkspaceFiles(workspace, request.files, 'mock.file');
    const recorded = await record(options, inputs, workspace, join(directory, 'state'));
    return { ...recorded, workspace, remove };
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

async function record(
  { lua, pipeline, request, ask, defaultImage, signal }: MockedRunOptions,
  inputs: InputValues,
  workspace: string,
  stateDirectory: string,
): Promise<Omit<MockedRun, 'workspace' | 'remove'>> {
  const lines: LogLine[] = [];
  const changes: StageChange[] = [];
  const outputs = new Map<string, unknown>();
  const lapse = createTimeLapse(lua, request.startMs);
  const calls = createCurrentCall();
  const mocks = createMockLog(ask);
  const secrets = createShownSecrets(secretTexts(pipeline, request, inputs));
  const names = new Map<string, string>();
  const { stages } = pipeline.definition;
  const stageOf = (branch: string): string => stages[Number.parseInt(branch, 10) - 1]?.name ?? '';
  const http = createHttpMocks({ mocks, calls, secrets, stageOf });
  const commands = createCommandMocks({
    mocks,
    calls,
    lapse,
    secrets,
    workspace,
    imageNames: names,
  });
  const driver = createFakeDriver({ commands: commands.run, clock: lapse.clock });
  const images = createImageMocks(driver, { mocks, calls, secrets, stageOf, names });
  const host: JobHost = {
    driver: images.driver,
    lua: calls.watch(lapse.lua),
    logger: silentLogger,
    workspace,
    stateDirectory,
    defaultImage,
    policy: {},
    secrets: givenSecrets(request.secrets),
    limits: LIMITS,
    clock: lapse.clock,
    http: { open: http.open, wait: lapse.wait },
    observer: {
      line: (line) => void lines.push(line),
      stage: (change) => void changes.push(change),
      output: (name, value) => {
        if (value === undefined) outputs.delete(name);
        else outputs.set(name, value);
      },
      summary: () => {},
    },
    labels: {},
  };
  const canceled = new AbortController();
  const { cancel_after: cancelAfterMs } = request.options;
  if (cancelAfterMs !== undefined) lapse.clock.after(cancelAfterMs, () => canceled.abort());
  const spec = {
    id: JOB_ID,
    attempt: 1,
    pipeline: pipeline.definition.name,
    version: 1,
    launchedBy: request.options.launched_by ?? 'rivet test',
    url: undefined,
    source: request.options.source ?? 'tree',
    bundle: pipeline.bundle,
    definition: pipeline.definition,
    inputs,
    onlyStage: request.options.stage,
  };
  const outcome = await runJob(spec, host, AbortSignal.any([signal, canceled.signal]));
  const durationMs = lapse.clock.now() - request.startMs;
  return {
    outcome,
    durationMs,
    changes,
    commands: commands.commands,
    requests: http.requests,
    images: images.images,
    outputs,
    lines,
    unmocked: mocks.unmocked,
    broken: mocks.broken,
  };
}
