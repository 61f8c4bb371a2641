// Stores launches in one transaction: the jobs, who launched them, and the key of the request.
import { RivetError } from '@rivet/base';
import type { ConcurrencyRule } from '@rivet/protocol';
import {
  type Database,
  type IdempotencyKeyRow,
  insertJobSecretInputs,
  joinGroups,
  type NewJobs,
  type Queryable,
  type SealedColumns,
  sharePipeline,
  useIdempotencyKey,
} from '@rivet/store';
import type { AuditEvent, AuditLog } from '../audit/audit-log.ts';
import type { Person } from '../auth/principal.ts';
import { groupMembers } from './concurrency-group.ts';
import { firstJobOf, type LaunchKey } from './launch-key.ts';
import { launch } from './transitions.ts';

/** Jobs of one pipeline, checked and sealed. */
export interface PreparedLaunch extends NewJobs {
  /** By the id of the job; those without are not there. */
  readonly secretInputs: ReadonlyMap<string, SealedColumns>;
  /** Of the groups that its jobs name; absent: they have none. */
  readonly concurrency?: ConcurrencyRule | undefined;
}

export interface StoreLaunchServices {
  readonly database: Database;
  readonly audit: AuditLog;
}

export type StoredLaunch =
  | { readonly kind: 'launched'; readonly createdAt: Date }
  /** It was committed, and only the answer of the database got lost. */
  | { readonly kind: 'there already' }
  | { readonly kind: 'version changed' }
  /** The key was used by an earlier request meanwhile: its first job. */
  | { readonly kind: 'repeated'; readonly jobId: string };

/** Undoes the transaction, and says why. */
class Undone extends Error {
  readonly why: StoredLaunch;

  constructor(why: StoredLaunch) {
    super(why.kind);
    this.why = why;
  }
}

/**
 * Stores all of the launches, or none.
 * @param batch whether the log tells of the jobs of a pipeline together
 * @throws RIVET_PIPELINE_NOT_FOUND when one was deleted meanwhile, RIVET_IDEMPOTENCY_KEY_REUSED
 */
export function storeLaunches(
  { database, audit }: StoreLaunchServices,
  person: Person,
  launches: readonly PreparedLaunch[],
  options: { readonly key: LaunchKey | undefined; readonly batch: boolean },
): Promise<StoredLaunch> {
  // In one order, in which everybody locks pipelines.
  const ordered = launches.toSorted((a, b) => (a.pipelineId < b.pipelineId ? -1 : 1));
  let tries = 0;
  const work = async (tx: Queryable): Promise<StoredLaunch> => {
    tries += 1;
    let createdAt: Date | undefined;
    for (const each of ordered) {
      createdAt = await launch(tx, { ...each, again: tries > 1 });
      if (createdAt === undefined) return whyNot(tx, each);
      await audit.record(tx, person, options.batch ? launchedTogether(each) : launchedOne(each));
      for (const [id, sealed] of each.secretInputs) await insertJobSecretInputs(tx, id, sealed);
    }
    // After all pipelines, so that nobody waits for one of them with a group locked.
    await joinGroups(tx, groupMembers(launches));
    const { key } = options;
    const earlier = key && (await useKey(tx, key, launches));
    if (key !== undefined && earlier !== undefined) {
      throw new Undone({ kind: 'repeated', jobId: firstJobOf(key, earlier) });
    }
    return createdAt === undefined ? { kind: 'there already' } : { kind: 'launched', createdAt };
  };
  return database.transaction(work, { repeatable: true }).catch((error: unknown) => {
    if (error instanceof Undone) return error.why;
    throw error;
  });
}

/** The use that was first, when the key is taken already. */
function useKey(
  tx: Queryable,
  { text: key, digest }: LaunchKey,
  launches: readonly PreparedLaunch[],
): Promise<IdempotencyKeyRow | undefined> {
  const [first = ''] = launches.flatMap(({ jobs }) => jobs.map(({ id }) => id)).sort();
  return useIdempotencyKey(tx, { key, digest, jobId: first });
}

async function whyNot(tx: Queryable, each: PreparedLaunch): Promise<StoredLaunch> {
  const pipeline = await sharePipeline(tx, each.pipelineId);
  if (pipeline === undefined) throw pipelineGone(each.pipelineName);
  const changed = each.current && pipeline.version !== each.version;
  if (changed) throw new Undone({ kind: 'version changed' });
  return { kind: 'there already' };
}

/** The pipeline is not there (any more). */
export function pipelineGone(ref: string): RivetError {
  return RivetError.of('RIVET_PIPELINE_NOT_FOUND', { ref: JSON.stringify(ref), suggestion: '' });
}

function launchedOne({ jobs, pipelineName, version, retryOf }: PreparedLaunch): AuditEvent {
  return {
    action: retryOf === null ? 'job.launch' : 'job.retry',
    object: { kind: 'job', id: jobs[0]?.id ?? '', name: pipelineName },
    details: { version, retry_of: retryOf ?? undefined },
  };
}

function launchedTogether({ jobs, pipelineId, pipelineName, version }: PreparedLaunch): AuditEvent {
  const first_job = jobs[0]?.id ?? '';
  const last_job = jobs.at(-1)?.id ?? '';
  return {
    action: 'job.launch_batch',
    object: { kind: 'pipeline', id: pipelineId, name: pipelineName },
    details: { version, jobs: jobs.length, first_job, last_job },
  };
}
