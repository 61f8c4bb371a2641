// Launches jobs: inputs are checked before a job exists, and a repeat makes no second one.
import { type Logger, RivetError, uuidAfter, uuidv7Series } from '@rivet/base';
import type { DefinitionIssue, LaunchEvent, LaunchedJob, LaunchRequest } from '@rivet/protocol';
import {
  type Database,
  type JobRow,
  listLaunchedJobs,
  type NewJob,
  type Notifier,
  type PipelineRow,
  type SealedColumns,
} from '@rivet/store';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Person } from '../auth/principal.ts';
import { findPipeline, jobOf } from '../find.ts';
import type { PipelineChecker } from '../pipelines/pipeline-checker.ts';
import type { Sealer } from '../sealing/sealer.ts';
import { groupOf } from './concurrency-group.ts';
import { earlierLaunch, launchKey } from './launch-key.ts';
import { sealInputs } from './secret-inputs.ts';
import { type PreparedLaunch, pipelineGone, storeLaunches } from './store-launch.ts';
import { supersedeAfter } from './supersede.ts';
import type { VersionCache } from './version-cache.ts';

export interface LaunchServices {
  readonly database: Database;
  readonly checker: PipelineChecker;
  readonly notifier: Notifier;
  readonly sealer: Sealer;
  readonly audit: AuditLog;
  readonly versions: VersionCache;
  readonly logger: Logger;
}

/** A pipeline that is to be launched. */
export interface Launch extends LaunchRequest {
  /** Name, id or the beginning of the id. */
  readonly pipeline: string;
}

/** A version that changes while its inputs are checked is checked again, so often. */
const VERSION_TRIES = 5;

/**
 * Launches the current version of a pipeline.
 * @param key the same key with the same request gives the same job
 * @throws RIVET_PIPELINE_NOT_FOUND, RIVET_LAUNCH_INPUTS_INVALID, RIVET_IDEMPOTENCY_KEY_REUSED
 */
export async function launchPipeline(
  services: LaunchServices,
  person: Person,
  ref: string,
  request: LaunchRequest,
  clientKey: string | undefined,
): Promise<JobRow> {
  const { database, sealer } = services;
  const key = launchKey(sealer, person, clientKey, [ref, request]);
  const earlier = await earlierLaunch(database, key);
  if (earlier !== undefined) {
    const job = await jobOf(database, earlier);
    await mayLaunch(database, person, [job.pipeline_name], ref);
    return job;
  }
  const launches = [{ ...request, pipeline: ref }];
  const launched = await launchAll(services, person, launches, { key, batch: false });
  if (launched.kind === 'repeated') return jobOf(database, launched.jobId);
  const { createdAt, prepared } = launched;
  const [launch] = prepared;
  const [job] = launch?.jobs ?? [];
  if (launch === undefined || job === undefined) throw pipelineGone(ref);
  return createdAt === undefined ? jobOf(database, job.id) : newRow(launch, job, createdAt);
}

/**
 * Launches the current versions of any number of pipelines, or nothing.
 * @param key the same key with the same request gives the same jobs
 * @throws RIVET_PIPELINE_NOT_FOUND, RIVET_LAUNCH_INPUTS_INVALID, RIVET_IDEMPOTENCY_KEY_REUSED
 */
export async function launchJobs(
  services: LaunchServices,
  person: Person,
  launches: readonly Launch[],
  clientKey: string | undefined,
): Promise<LaunchedJob[]> {
  const { database, sealer } = services;
  const key = launchKey(sealer, person, clientKey, ['jobs', launches]);
  const earlier = await earlierLaunch(database, key);
  const launched =
    earlier === undefined
      ? await launchAll(services, person, launches, { key, batch: true })
      : ({ kind: 'repeated', jobId: earlier } as const);
  if (launched.kind === 'repeated') {
    const last = uuidAfter(launched.jobId, launches.length - 1);
    const jobs = await listLaunchedJobs(database, launched.jobId, last);
    const names = jobs.map(({ pipeline_name }) => pipeline_name);
    await mayLaunch(database, person, names, launches[0]?.pipeline ?? '');
    return jobs.map(({ id, pipeline_name: pipeline, version }) => ({ id, pipeline, version }));
  }
  const jobs = launched.prepared.flatMap(({ jobs: these, pipelineName: pipeline, version }) =>
    these.map(({ id }) => ({ id, pipeline, version })),
  );
  // The order of their ids is that of the request.
  return jobs.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The right may have gone since, or another API key of the same person has fewer. */
async function mayLaunch(
  database: Database,
  person: Person,
  names: readonly string[],
  ref: string,
): Promise<void> {
  const denied = names.find((name) => !person.access.mayOn('pipelines.launch', name));
  if (denied === undefined) return;
  // As without a key.
  await findPipeline(database, person, ref, 'pipelines.launch');
  throw pipelineGone(ref);
}

type Launched =
  | {
      readonly kind: 'launched';
      readonly prepared: readonly PreparedLaunch[];
      /** Undefined when they were stored before the answer of the database got lost. */
      readonly createdAt: Date | undefined;
    }
  | { readonly kind: 'repeated'; readonly jobId: string };

async function launchAll(
  services: LaunchServices,
  person: Person,
  launches: readonly Launch[],
  options: Parameters<typeof storeLaunches>[3],
): Promise<Launched> {
  const ids = uuidv7Series(launches.length);
  for (let tried = 1; tried <= VERSION_TRIES; tried += 1) {
    const prepared = await prepareAll(services, person, launches, ids, options.batch);
    const stored = await storeLaunches(services, person, prepared, options);
    if (stored.kind === 'version changed') continue;
    if (stored.kind === 'repeated') return stored;
    services.notifier.queueChanged();
    await supersedeAfter(services, prepared);
    const createdAt = stored.kind === 'launched' ? stored.createdAt : undefined;
    return { kind: 'launched', prepared, createdAt };
  }
  throw RivetError.of('RIVET_TIMEOUT', { what: 'the launch', limit: `${VERSION_TRIES} tries` });
}

/** The launches by their pipelines, with checked inputs. */
async function prepareAll(
  services: LaunchServices,
  person: Person,
  launches: readonly Launch[],
  ids: readonly string[],
  batch: boolean,
): Promise<PreparedLaunch[]> {
  const { database } = services;
  const numbered = launches.map((launch, index) => ({ launch, index, id: ids[index] ?? '' }));
  const byRef = Map.groupBy(numbered, ({ launch }) => launch.pipeline);
  const byId = new Map<string, { pipeline: PipelineRow; numbered: Numbered[] }>();
  for (const [ref, these] of byRef) {
    const pipeline = await findPipeline(database, person, ref, 'pipelines.launch');
    const before = byId.get(pipeline.id)?.numbered ?? [];
    byId.set(pipeline.id, { pipeline, numbered: [...before, ...these] });
  }
  const prepared: PreparedLaunch[] = [];
  for (const { pipeline, numbered: these } of byId.values()) {
    const sorted = these.toSorted((a, b) => a.index - b.index);
    prepared.push(await prepare(services, person, pipeline, sorted, batch));
  }
  return prepared;
}

interface Numbered {
  readonly launch: Launch;
  readonly index: number;
  readonly id: string;
}

async function prepare(
  services: LaunchServices,
  person: Person,
  pipeline: PipelineRow,
  numbered: readonly Numbered[],
  batch: boolean,
): Promise<PreparedLaunch> {
  const { database, checker, sealer, versions } = services;
  const { id: pipelineId, name: pipelineName, version } = pipeline;
  const { bundle, definition } = await versions.of(database, pipelineId, version);
  const given = numbered.map(({ launch }) => launch.inputs ?? {});
  const checked = await checker.checkAllInputs(bundle, definition, given);
  const issues: DefinitionIssue[] = [];
  const missing = new Set<string>();
  const secretInputs = new Map<string, SealedColumns>();
  const jobs = numbered.flatMap(({ launch, index, id }, position): NewJob[] => {
    const result = checked[position];
    if (result?.ok !== true) {
      const place = batch ? `launches[${index + 1}].` : '';
      for (const issue of result?.issues ?? []) issues.push(placed(issue, place));
      for (const name of result?.missing ?? []) missing.add(name);
      return [];
    }
    const sealed = sealInputs(sealer, definition, id, result.values);
    if (sealed.secretInputs !== undefined) secretInputs.set(id, sealed.secretInputs);
    const priority = launch.priority ?? definition.priority ?? 0;
    return [{ id, inputs: sealed.inputs, priority, group: groupOf(definition, result.values) }];
  });
  if (issues.length > 0) throw inputsInvalid(pipelineName, issues, [...missing]);
  return {
    ...{ jobs, secretInputs, pipelineId, pipelineName, version },
    current: true,
    tags: definition.runner,
    concurrency: definition.concurrency,
    queueAgeMsMax: definition.max_queue_age_ms,
    launchedBy: person.name,
    event: eventOf(person),
    retryOf: null,
  };
}

/** The mistake with its place in the request before it. */
function placed(issue: DefinitionIssue, place: string): DefinitionIssue {
  return place === '' ? issue : { ...issue, path: `${place}${issue.path}` };
}

/** Of a batch only the first mistakes are told: the rest is often the same one again. */
const ISSUES_MAX = 50;

function inputsInvalid(
  pipeline: string,
  issues: readonly DefinitionIssue[],
  missing: readonly string[],
): RivetError {
  const [first] = issues;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return RivetError.of('RIVET_LAUNCH_INPUTS_INVALID', {
    pipeline,
    summary: `${first?.path ?? ''}: ${first?.message ?? ''}${more}`,
    issues: issues.slice(0, ISSUES_MAX).map((issue) => ({ ...issue })),
    missing: [...missing],
  });
}

/** What launches a job of theirs. */
export function eventOf(person: Person): LaunchEvent {
  return person.via.kind === 'session' ? 'manual' : 'api';
}

/** A job as it is in the moment of its launch. */
export function newRow(launch: PreparedLaunch, job: NewJob, createdAt: Date): JobRow {
  return {
    id: job.id,
    pipeline_id: launch.pipelineId,
    pipeline_name: launch.pipelineName,
    version: launch.version,
    launched_by: launch.launchedBy,
    event: launch.event,
    priority: job.priority,
    created_at: createdAt,
    state: 'queued',
    reason: null,
    message: null,
    attempt: 0,
    runner_id: null,
    runner_name: null,
    cancel_requested: false,
    started_at: null,
    finished_at: null,
  };
}
