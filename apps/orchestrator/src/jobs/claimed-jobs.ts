// What a runner is given of the jobs that it has claimed: with the files of their pipelines, and
// their secret inputs opened.
import type { ClaimedJob } from '@rivet/protocol';
import type { ClaimedRow, Database } from '@rivet/store';
import type { Sealer } from '../sealing/sealer.ts';
import { journalKey } from './journal-key.ts';
import { withSecretInputs } from './secret-inputs.ts';
import type { KnownVersion, VersionCache } from './version-cache.ts';

export interface ClaimedJobServices {
  readonly database: Database;
  readonly reserved: Database;
  readonly sealer: Sealer;
  readonly versions: VersionCache;
  readonly leaseSeconds: number;
}

/**
 * The jobs. One whose secret inputs cannot be opened ends here: it is not among them.
 * @param knownBundles digests of the files that need not be sent
 */
export async function presentClaimed(
  services: ClaimedJobServices,
  rows: readonly ClaimedRow[],
  knownBundles: readonly string[] = [],
): Promise<ClaimedJob[]> {
  const { versions, reserved, leaseSeconds } = services;
  const jobs: ClaimedJob[] = [];
  for (const row of rows) {
    const version = await versions.of(reserved, row.pipeline_id, row.version);
    const opened = await withSecretInputs(services, row, version.definition);
    if (opened === undefined) continue;
    const job = present(opened, version, leaseSeconds);
    job.journal_key = journalKey(services.sealer, job);
    if (!knownBundles.includes(version.digest)) job.bundle = version.bundle;
    jobs.push(job);
  }
  return jobs;
}

function present(
  row: ClaimedRow,
  { digest, definition }: KnownVersion,
  leaseSeconds: number,
): ClaimedJob {
  return {
    id: row.job_id,
    attempt: row.attempt,
    lease_id: row.lease_id,
    lease_seconds: leaseSeconds,
    pipeline: row.pipeline_name,
    version: row.version,
    bundle_digest: digest,
    definition,
    inputs: row.inputs,
    launched_by: row.launched_by,
    event: row.event,
    created_at: row.created_at.toISOString(),
  };
}
