// Lets a runner in that has started: it gets a session, and holds again what it still has.
import { RivetError, uuidv7 } from '@rivet/base';
import {
  type ConnectRequest,
  type ConnectResponse,
  type HeldJob,
  PROTOCOL_VERSION,
} from '@rivet/protocol';
import {
  connectRunner,
  type Database,
  type HeldRow,
  holdAttempts,
  type JobRow,
  listAttemptsOfRunner,
  readRunnerTerms,
} from '@rivet/store';
import type { RunnerPrincipal } from '../auth/principal.ts';
import { type ClaimedJobServices, presentClaimed } from '../jobs/claimed-jobs.ts';
import { type LoseServices, loseAttempt } from '../jobs/lose-attempt.ts';
import { grantTags } from './runner-tags.ts';

export type ConnectServices = ClaimedJobServices & LoseServices & { readonly database: Database };

/** Attempts of one runner that are looked at; what is beyond ends with its lease. */
const ATTEMPTS_MAX = 10_000;

/**
 * Notes what a runner that has started offers, and gives it a session. Where it says which attempts
 * it has, those get a new lease, and its others are lost at once: nobody works on them.
 * @throws RIVET_AUTH_INVALID, RIVET_RUNNER_CONNECT_OLD, RIVET_RUNNER_TAG_DENIED,
 *   RIVET_RUNNER_TAG_RESERVED
 */
export async function connect(
  services: ConnectServices,
  { runnerId, name }: RunnerPrincipal,
  request: ConnectRequest,
): Promise<ConnectResponse> {
  const { database, leaseSeconds } = services;
  const terms = await readRunnerTerms(database, runnerId);
  if (terms === undefined) throw RivetError.of('RIVET_AUTH_INVALID', {});
  const tags = grantTags(request.tags, terms.fixed_tags, terms.tag_keys);
  const session = uuidv7();
  const { capacity, version, held, number = null } = request;
  const asked = held?.map(({ job_id: jobId, attempt, lease_ids: leaseIds }) => ({
    jobId,
    attempt,
    leaseIds,
  }));
  const rows = await database.transaction(
    async (tx) => {
      const runner = { id: runnerId, session, tags, capacity, version, number };
      const latest = await connectRunner(tx, runner);
      if (latest !== undefined && number !== null) {
        throw RivetError.of('RIVET_RUNNER_CONNECT_OLD', { name, found: number, latest });
      }
      return asked && (await holdAttempts(tx, runnerId, asked, leaseSeconds));
    },
    { repeatable: true },
  );
  const { pipelines } = terms;
  const protocol = PROTOCOL_VERSION;
  const connected = { runner_id: runnerId, name, tags, pipelines, session, protocol };
  if (rows === undefined) return connected;
  await loseOthers(services, runnerId, rows);
  return { ...connected, held: await presentHeld(services, rows) };
}

/** A crash before the end of this leaves some of them to the end of their leases. */
async function loseOthers(
  services: ConnectServices,
  runnerId: string,
  held: readonly HeldRow[],
): Promise<void> {
  const kept = new Set(held.map(keyOf));
  const isLost = (job: JobRow): boolean => job.runner_id === runnerId;
  const loss = { how: 'started again and does not have the job any more', blameless: false };
  const attempts = await listAttemptsOfRunner(services.database, runnerId, ATTEMPTS_MAX);
  for (const one of attempts.filter((attempt) => !kept.has(keyOf(attempt)))) {
    await loseAttempt(services, { id: one.job_id, attempt: one.attempt }, isLost, loss);
  }
}

async function presentHeld(
  services: ConnectServices,
  rows: readonly HeldRow[],
): Promise<HeldJob[]> {
  const byKey = new Map(rows.map((row) => [keyOf(row), row]));
  const jobs = await presentClaimed(services, rows);
  return jobs.flatMap((job) => {
    const row = byKey.get(keyOf({ job_id: job.id, attempt: job.attempt }));
    return row === undefined ? [] : { job, last_seq: row.last_seq, log_lines: row.log_lines };
  });
}

function keyOf({ job_id: id, attempt }: { readonly job_id: string; readonly attempt: number }) {
  return `${id.toLowerCase()}.${attempt}`;
}
