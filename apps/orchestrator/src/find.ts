// Finds what a reference in a path means: a name, an id or the unique beginning of one.
import { didYouMean, RivetError } from '@rivet/base';
import {
  findJobs,
  findPipelines,
  type JobRow,
  listPipelines,
  type PipelineContent,
  type PipelineRow,
  type Queryable,
  readPipelineVersion,
} from '@rivet/store';

/** @throws RIVET_PIPELINE_NOT_FOUND, RIVET_ID_AMBIGUOUS */
export async function findPipeline(db: Queryable, ref: string): Promise<PipelineRow> {
  const found = await findPipelines(db, ref);
  const [only] = found;
  if (only === undefined) {
    const names = await listPipelines(db, { after: '', search: '', limit: 1000 });
    const suggestion = didYouMean(
      ref,
      names.map(({ name }) => name),
    );
    throw RivetError.of('RIVET_PIPELINE_NOT_FOUND', { ref: JSON.stringify(ref), suggestion });
  }
  if (found.length > 1) throw ambiguous(ref, found);
  return only;
}

/** @throws RIVET_JOB_NOT_FOUND, RIVET_ID_AMBIGUOUS */
export async function findJob(db: Queryable, prefix: string): Promise<JobRow> {
  const found = await findJobs(db, prefix);
  const [only] = found;
  if (only === undefined) throw RivetError.of('RIVET_JOB_NOT_FOUND', { id: prefix });
  if (found.length > 1) throw ambiguous(prefix, found);
  return only;
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
