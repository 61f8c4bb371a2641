// Says whether a runner holds the lease of an attempt: what it may ask about a job hangs on it.
import { RivetError } from '@rivet/base';
import { type JobRow, type Queryable, readAttempt, readJob } from '@rivet/store';

export interface LeaseClaim {
  /** The whole id. */
  readonly jobId: string;
  readonly attempt: number;
  readonly leaseId: string;
}

/**
 * The job of an attempt that the runner holds at this moment.
 * @throws RIVET_JOB_NOT_FOUND for a job that is not this runner's, as if there were none;
 *   RIVET_LEASE_LOST for an attempt of its own that is over
 */
export async function findHeldJob(
  db: Queryable,
  runnerId: string,
  { jobId, attempt: number, leaseId }: LeaseClaim,
): Promise<JobRow> {
  const attempt = await readAttempt(db, jobId, number);
  const job = attempt?.runner_id === runnerId ? await readJob(db, jobId) : undefined;
  if (attempt === undefined || job === undefined) {
    throw RivetError.of('RIVET_JOB_NOT_FOUND', { id: jobId });
  }
  const why =
    attempt.lease_id !== leaseId
      ? 'another lease holds it'
      : attempt.result !== null
        ? `it has ended: ${attempt.result}`
        : attempt.expired
          ? 'its lease ran out'
          : undefined;
  if (why !== undefined)
    throw RivetError.of('RIVET_LEASE_LOST', { id: jobId, attempt: number, why });
  return job;
}
