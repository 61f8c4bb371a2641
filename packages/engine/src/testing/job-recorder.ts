// Runs a job for a test and keeps everything that it told.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, uuidv7 } from '@rivet/base';
import type { ContainerDriver } from '@rivet/containers';
import type { LuaEngine } from '@rivet/lua';
import type {
  InputValues,
  JobOutcome,
  LogLine,
  PipelineBundle,
  StageChange,
} from '@rivet/protocol';
import type { JobHost, JobLimits, JobSpec } from '../job.ts';
import { runJob } from '../run-job.ts';
import { noSecrets } from '../secrets/secret-provider.ts';

/** What a job told, and where it worked. */
export interface RecordedJob {
  readonly id: string;
  readonly outcome: JobOutcome;
  readonly lines: readonly LogLine[];
  readonly changes: readonly StageChange[];
  readonly outputs: ReadonlyMap<string, unknown>;
  /** Empty when there is none. */
  readonly summary: string;
  /** Final state of each stage. */
  readonly stages: Readonly<Record<string, string>>;
  readonly workspace: string;
  readonly stateDirectory: string;
}

export interface RecordOptions {
  readonly driver: ContainerDriver;
  readonly lua: LuaEngine;
  readonly bundle: PipelineBundle;
  readonly inputs?: InputValues;
  readonly limits?: Partial<JobLimits>;
  readonly spec?: Partial<JobSpec>;
  readonly host?: Partial<JobHost>;
  readonly signal?: AbortSignal;
  /** Looks at the job while it runs. */
  readonly onLine?: (line: LogLine) => void | Promise<void>;
  /** Fills the workspace before the job begins. */
  readonly onWorkspace?: (workspace: string) => Promise<void>;
  /** Looks at what the job left before its directories are removed. */
  readonly inspect?: (job: RecordedJob) => Promise<void>;
}

const LIMITS: JobLimits = {
  lua: { cpuMs: 5000, memoryBytes: 128 * 1024 * 1024 },
  logBytesMax: 10 * 1024 * 1024,
  killGraceMs: 500,
  cancelGraceMs: 20_000,
  timeoutMs: 120_000,
};

/** Runs a job to its end in directories of its own, which are gone afterwards. */
export async function recordJob(options: RecordOptions): Promise<RecordedJob> {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-engine-'));
  const workspace = join(directory, 'workspace');
  const stateDirectory = join(directory, 'state');
  await mkdir(workspace);
  await options.onWorkspace?.(workspace);
  const lines: LogLine[] = [];
  const changes: StageChange[] = [];
  const outputs = new Map<string, unknown>();
  let summary = '';
  const spec: JobSpec = {
    id: uuidv7(),
    attempt: 1,
    pipeline: 'test',
    version: 1,
    launchedBy: 'a test',
    url: undefined,
    source: 'none',
    bundle: options.bundle,
    definition: undefined,
    inputs: options.inputs ?? {},
    onlyStage: undefined,
    ...options.spec,
  };
  const host: JobHost = {
    driver: options.driver,
    lua: options.lua,
    logger: silentLogger,
    workspace,
    stateDirectory,
    defaultImage: 'localhost/rivet/base:latest',
    policy: {},
    secrets: noSecrets,
    runAhead: true,
    limits: { ...LIMITS, ...options.limits },
    observer: {
      async line(line) {
        lines.push(line);
        await options.onLine?.(line);
      },
      stage: (change) => void changes.push(change),
      output: (name, value) => {
        if (value === undefined) outputs.delete(name);
        else outputs.set(name, value);
      },
      summary: (markdown) => {
        summary = markdown;
      },
    },
    labels: { 'dev.rivet.owner': 'engine-test' },
    ...options.host,
  };
  try {
    const outcome = await runJob(spec, host, options.signal ?? new AbortController().signal);
    const stages = Object.fromEntries(changes.map(({ stage, state }) => [stage, state]));
    const { id } = spec;
    const told = { outcome, lines, changes, outputs, summary, stages };
    const job = { id, ...told, workspace, stateDirectory };
    await options.inspect?.(job);
    return job;
  } finally {
    await options.driver.removeTree(directory);
    await rm(directory, { recursive: true, force: true });
  }
}
