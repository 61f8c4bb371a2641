// Finds what a reference in a path means: a name, an id or the unique beginning of one.
import { didYouMean, RivetError } from '@rivet/base';
import type { PipelinePermission } from '@rivet/protocol';
import {
  findJobs,
  findPipelines,
  type JobRow,
  listPipelines,
  type PipelineContent,
  type PipelineRow,
  type Queryable,
  readJob,
  readPipelineVersion,
} from '@rivet/store';
import { requireOn } from './access/guard.ts';
import type { Person } from './auth/principal.ts';

/**
 * The pipeline that somebody means and may do that to. One that they may not see is as if it were
 * not there.
 * @throws RIVET_PIPELINE_NOT_FOUND, RIVET_ID_AMBIGUOUS, RIVET_ACCESS_DENIED
 */
export async function findPipeline(
  db: Queryable,
  person: Person,
  ref: string,
  permission: PipelinePermission,
): Promise<PipelineRow> {
  const { access } = person;
  const only = onlyOne(ref, await findPipelines(db, ref, access.filterOf(permission)));
  if (only !== undefined) return only;
  const view = access.filterOf('pipelines.view');
  for (const { name } of await findPipelines(db, ref, view)) {
    requireOn(person, permission, { kind: 'pipeline', name });
  }
  const names = await listPipelines(db, { after: '', search: '', limit: 1000, filter: view });
  const suggestion = didYouMean(
    ref,
    names.map(({ name }) => name),
  );
  throw RivetError.of('RIVET_PIPELINE_NOT_FOUND', { ref: JSON.stringify(ref), suggestion });
}

/**
 * The job that somebody means and may do that to; its pipeline decides.
 * @throws RIVET_JOB_NOT_FOUND, RIVET_ID_AMBIGUOUS, RIVET_ACCESS_DENIED
 */
export async function findJob(
  db: Queryable,
  person: Person,
  prefix: string,
  permission: PipelinePermission,
): Promise<JobRow> {
  const { access } = person;
  const only = onlyOne(prefix, await findJobs(db, prefix, access.filterOf(permission)));
  if (only !== undefined) return only;
  for (const job of await findJobs(db, prefix, access.filterOf('pipelines.view'))) {
    requireOn(person, permission, { kind: 'pipeline', name: job.pipeline_name });
  }
  throw RivetError.of('RIVET_JOB_NOT_FOUND', { id: prefix });
}

/** The job of a whole id that something of ours refers to. */
export async function jobOf(db: Queryable, id: string): Promise<JobRow> {
  const job = await readJob(db, id);
  if (job === undefined) throw RivetError.of('RIVET_JOB_NOT_FOUND', { id });
  return job;
}

/** The files and definition of a version that something in the database refers to. */
export async function versionOf(
  db: Queryable,
  pipelineId: string,
  version: number,
): Promise<PipelineContent> {
  const content = await readPipelineVersion(db, pipelineId, version);
  if (content !== undefined) return content;
  const reason = `version ${version} of the pipeline ${pipelineId} is not in the database`;
  throw RivetError.of('RIVET_INTERNAL', { reason });
}

/**
 * The only one of what was found for a reference; undefined when there is none.
 * @throws RIVET_ID_AMBIGUOUS
 */
export function onlyOne<Row extends { readonly id: string }>(
  ref: string,
  found: readonly Row[],
): Row | undefined {
  if (found.length > 1) throw ambiguous(ref, found);
  return found[0];
}

function ambiguous(prefix: string, found: readonly { id: string }[]): RivetError {
  const more = found.length > 3;
  return RivetError.of('RIVET_ID_AMBIGUOUS', {
    prefix,
    count: more ? 'more than 3' : String(found.length),
    examples: found
      .slice(0, 3)
      .map(({ id }) => id)
      .join(', '),
  });
}
