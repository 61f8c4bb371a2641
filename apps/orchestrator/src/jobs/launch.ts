// Launches jobs: inputs are checked before a job exists, and a repeat makes no second one.
import { createHmac } from 'node:crypto';
import { RivetError, uuidv7 } from '@rivet/base';
import type { DefinitionIssue, InputValues, LaunchEvent, LaunchRequest } from '@rivet/protocol';
import {
  type Database,
  findIdempotencyKey,
  type IdempotencyKeyRow,
  insertJobSecretInputs,
  type JobRow,
  type NewJob,
  type Notifier,
  readJobContent,
  type SealedColumns,
  sharePipeline,
  useIdempotencyKey,
} from '@rivet/store';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Person } from '../auth/principal.ts';
import { findJob, findPipeline, jobOf, versionOf } from '../find.ts';
import type { PipelineChecker } from '../pipelines/pipeline-checker.ts';
import type { Sealer } from '../sealing/sealer.ts';
import { openInputs, sealInputs } from './secret-inputs.ts';
import { hasEnded, launch } from './transitions.ts';

export interface LaunchServices {
  readonly database: Database;
  readonly checker: PipelineChecker;
  readonly notifier: Notifier;
  readonly sealer: Sealer;
  readonly audit: AuditLog;
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
  const { database } = services;
  const key = keyOf(person, clientKey);
  const digest = digestOf(services.sealer, [ref, request]);
  const used = key === undefined ? undefined : await findIdempotencyKey(database, key);
  if (key !== undefined && used !== undefined) {
    const job = await sameJob(database, key, digest, used);
    if (person.access.mayOn('pipelines.launch', job.pipeline_name)) return job;
    // The right has gone since, or another API key of the same person has fewer: as without a key.
    await findPipeline(database, person, ref, 'pipelines.launch');
    throw pipelineGone(ref);
  }
  const id = uuidv7();
  for (let tried = 1; ; tried += 1) {
    const pipeline = await findPipeline(database, person, ref, 'pipelines.launch');
    const inputs = await checkedInputs(services, pipeline, request.inputs ?? {});
    const { definition } = await versionOf(database, pipeline.id, pipeline.version);
    const { secretInputs, ...shown } = sealInputs(services.sealer, definition, id, inputs);
    const use = { key, digest };
    const stored = await store(services, person, use, pipeline.version, secretInputs, {
      id,
      pipelineId: pipeline.id,
      pipelineName: pipeline.name,
      version: pipeline.version,
      ...shown,
      launchedBy: person.name,
      event: eventOf(person),
      tags: definition.runner,
      priority: request.priority ?? 0,
      retryOf: null,
    });
    if (stored === 'version-changed' && tried < VERSION_TRIES) continue;
    if (stored === 'version-changed') {
      throw RivetError.of('RIVET_TIMEOUT', { what: 'the launch', limit: `${VERSION_TRIES} tries` });
    }
    if (stored !== 'launched') return sameJob(database, key ?? '', digest, stored);
    services.notifier.queueChanged();
    return jobOf(database, id);
  }
}

/**
 * Launches a new job with the version and inputs of a finished one.
 * @param key the same key with the same job gives the same new job
 * @throws RIVET_JOB_NOT_FOUND, RIVET_JOB_NOT_FINISHED, RIVET_PIPELINE_NOT_FOUND,
 *   RIVET_IDEMPOTENCY_KEY_REUSED
 */
export async function relaunch(
  services: LaunchServices,
  person: Person,
  prefix: string,
  clientKey: string | undefined,
): Promise<JobRow> {
  const { database } = services;
  const key = keyOf(person, clientKey);
  const job = await findJob(database, person, prefix, 'pipelines.launch');
  const digest = digestOf(services.sealer, ['retry', job.id]);
  const used = key === undefined ? undefined : await findIdempotencyKey(database, key);
  if (key !== undefined && used !== undefined) return sameJob(database, key, digest, used);
  if (!hasEnded(job)) {
    throw RivetError.of('RIVET_JOB_NOT_FINISHED', { id: job.id, state: job.state });
  }
  const content = await readJobContent(database, job.id);
  const id = uuidv7();
  const { sealer } = services;
  const { definition } = await versionOf(database, job.pipeline_id, job.version);
  const inputs = await openInputs(database, sealer, job.id, content?.inputs ?? {});
  const { secretInputs, ...shown } = sealInputs(sealer, definition, id, inputs);
  const stored = await store(services, person, { key, digest }, undefined, secretInputs, {
    id,
    pipelineId: job.pipeline_id,
    pipelineName: job.pipeline_name,
    version: job.version,
    ...shown,
    launchedBy: person.name,
    // What it was launched by decides which secrets it gets: a retry gets no others, neither than
    // the job before nor than whoever retries would get.
    event: job.event === 'manual' ? eventOf(person) : job.event,
    tags: content?.tags ?? [],
    priority: job.priority,
    retryOf: job.id,
  });
  if (typeof stored === 'object') return sameJob(database, key ?? '', digest, stored);
  services.notifier.queueChanged();
  return jobOf(database, id);
}

function eventOf(person: Person): LaunchEvent {
  return person.via.kind === 'session' ? 'manual' : 'api';
}

/** Each person's keys are apart: nobody is given the job of somebody else's key. */
function keyOf(person: Person, key: string | undefined): string | undefined {
  return key === undefined ? undefined : `${person.userId} ${key}`;
}

async function checkedInputs(
  services: LaunchServices,
  pipeline: { id: string; name: string; version: number },
  inputs: InputValues,
): Promise<InputValues> {
  const { bundle, definition } = await versionOf(services.database, pipeline.id, pipeline.version);
  const result = await services.checker.checkInputs(bundle, definition, inputs);
  if (result.ok) return result.values;
  throw RivetError.of('RIVET_LAUNCH_INPUTS_INVALID', {
    pipeline: pipeline.name,
    summary: summarize(result.issues),
    issues: result.issues.map((issue) => ({ ...issue })),
    missing: result.missing,
  });
}

type Stored = 'launched' | 'version-changed' | IdempotencyKeyRow;

function store(
  { database, audit }: LaunchServices,
  person: Person,
  use: { key: string | undefined; digest: string },
  version: number | undefined,
  secretInputs: SealedColumns | undefined,
  job: NewJob,
): Promise<Stored> {
  return database
    .transaction(
      async (tx): Promise<Stored> => {
        // Until the job is there, nobody deletes the pipeline or gives it another version.
        const pipeline = await sharePipeline(tx, job.pipelineId);
        if (pipeline === undefined) throw pipelineGone(job.pipelineName);
        if (version !== undefined && pipeline.version !== version) return 'version-changed';
        if (!(await launch(tx, job))) return 'launched';
        await audit.record(tx, person, {
          action: job.retryOf === null ? 'job.launch' : 'job.retry',
          object: { kind: 'job', id: job.id, name: job.pipelineName },
          details: { version: job.version, retry_of: job.retryOf ?? undefined },
        });
        if (secretInputs !== undefined) await insertJobSecretInputs(tx, job.id, secretInputs);
        const { key, digest } = use;
        if (key === undefined) return 'launched';
        const earlier = await useIdempotencyKey(tx, { key, digest, jobId: job.id });
        if (earlier === undefined) return 'launched';
        // Undoes this launch: the job of the earlier one stands.
        throw new KeyTaken(earlier);
      },
      { repeatable: true },
    )
    .catch((error: unknown) => {
      if (error instanceof KeyTaken) return error.use;
      throw error;
    });
}

/** Carries the earlier use of a key out of the transaction that it undoes. */
class KeyTaken extends Error {
  readonly use: IdempotencyKeyRow;

  constructor(use: IdempotencyKeyRow) {
    super('the idempotency key is taken');
    this.use = use;
  }
}

function sameJob(
  database: Database,
  key: string,
  digest: string,
  used: IdempotencyKeyRow,
): Promise<JobRow> {
  if (used.digest !== digest) {
    throw RivetError.of('RIVET_IDEMPOTENCY_KEY_REUSED', {
      key: JSON.stringify(key.slice(key.indexOf(' ') + 1)),
    });
  }
  return jobOf(database, used.job_id);
}

/**
 * A digest of a value, whatever the order of its keys. Keyed: a short secret input must not be
 * found by trying all of them.
 */
function digestOf(sealer: Sealer, value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
  return createHmac('sha256', sealer.mac('idempotency keys')).update(text).digest('hex');
}

function pipelineGone(ref: string): RivetError {
  return RivetError.of('RIVET_PIPELINE_NOT_FOUND', { ref: JSON.stringify(ref), suggestion: '' });
}

function summarize(issues: readonly DefinitionIssue[]): string {
  const [first] = issues;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return `${first?.path ?? ''}: ${first?.message ?? ''}${more}`;
}
