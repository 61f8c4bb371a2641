// One job with everything that its page shows.
import { maskSecretInputs } from '@rivet/pipeline';
import type { JobDetail } from '@rivet/protocol';
import { type Database, type JobRow, readAttemptDetail } from '@rivet/store';
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
  const detail = await readAttemptDetail(db, job.id, job.attempt);
  return {
    ...presentJob(job),
    inputs: maskSecretInputs(definition, detail?.inputs ?? {}),
    tags: detail?.tags ?? [],
    stages: presentStages(definition, detail?.stages ?? [], job),
    outputs: detail?.outputs ?? {},
    summary: detail?.summary ?? null,
    log_lines: detail?.log_lines ?? 0,
  };
}
