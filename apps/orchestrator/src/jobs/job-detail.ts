// One job with everything that its page shows.
import { maskSecretInputs } from '@rivet/pipeline';
import type { JobDetail } from '@rivet/protocol';
import {
  type Database,
  type JobRow,
  listStages,
  readAttempt,
  readAttemptSummary,
  readJobContent,
  readOutputs,
} from '@rivet/store';
import { presentJob, presentStages } from '../present.ts';
import type { VersionCache } from './version-cache.ts';

export interface JobDetailServices {
  readonly database: Database;
  readonly versions: VersionCache;
}

/** Stages and outputs are those of the current attempt; secret inputs are masked. */
export async function readJobDetail(
  { database: db, versions }: JobDetailServices,
  job: JobRow,
): Promise<JobDetail> {
  const { definition } = await versions.of(db, job.pipeline_id, job.version);
  const content = await readJobContent(db, job.id);
  const stages = await listStages(db, job.id, job.attempt);
  const attempt = await readAttempt(db, job.id, job.attempt);
  return {
    ...presentJob(job),
    inputs: maskSecretInputs(definition, content?.inputs ?? {}),
    tags: content?.tags ?? [],
    stages: presentStages(definition, stages, job),
    outputs: await readOutputs(db, job.id, job.attempt),
    summary: await readAttemptSummary(db, job.id, job.attempt),
    log_lines: attempt?.log_lines ?? 0,
  };
}
