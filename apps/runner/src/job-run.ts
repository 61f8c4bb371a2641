// One attempt on this runner, from the claim, or from where a process before this one left it, to
// the acknowledged outcome: directories, engine, reports, clean-up.
import { rm } from 'node:fs/promises';
import { describeThrown, type Logger, RivetError, sleep } from '@rivet/base';
import type { ClaimedJob, HeldJob } from '@rivet/protocol';
import { Attempt, failureOf, type HeldAttempt, type Place } from './attempt.ts';
import { type AttemptRecord, replaceRecord, writeFirstRecord } from './attempt-record.ts';
import type { JobRunContext } from './job-run-context.ts';
import { Lease } from './lease.ts';
import { Ledger } from './ledger.ts';
import { containersOf, type LeftAttempt } from './left-attempts.ts';
import { Spool } from './spool.ts';
import type { AttemptDirectory } from './state-directory.ts';

const GIVE_UP_MS = 10_000;
const SICK_PAUSE_MS = 10_000;
/** A job that goes on for so long did not end the runner, in milliseconds. */
const STEADY_MS = 60_000;

interface Undertaking extends HeldAttempt {
  /** When the lease was known to be ours, on the clock of the context. */
  readonly leasedAt: number;
  /** Makes the place where it runs, or finds it as it was left. */
  readonly place: (logger: Logger) => Promise<Place>;
}

/**
 * Runs a claimed job. Never throws; when it resolves, nothing of the attempt runs any more, and
 * what it left is with the disposal.
 * @param answeredAt when the answer with the job had come, on the clock of the context. A long poll
 *   says nothing about when the answer was made, so no work starts before a first report has
 *   renewed the lease.
 */
export function runClaimedJob(
  job: ClaimedJob,
  answeredAt: number,
  context: JobRunContext,
): Promise<void> {
  const stored = { seq: 0, lines: 0 };
  const place = (logger: Logger): Promise<Place> => makePlace(job, context, logger);
  return undertake({ job, leasedAt: answeredAt, stored, place }, context);
}

/**
 * Goes on with a job that another process of this runner had begun; the rest as above.
 * @param askedAt when the server was asked for it
 */
export async function resumeJob(
  { job, last_seq: seq, log_lines: lines }: HeldJob,
  { directory, record }: LeftAttempt,
  askedAt: number,
  context: JobRunContext,
): Promise<void> {
  // From now on the server knows the attempt under this lease only.
  const { nextLeaseId, ...kept } = record;
  const held: AttemptRecord = { ...kept, leaseId: job.lease_id, deaths: kept.deaths + 1 };
  const place = async (): Promise<Place> => {
    try {
      await replaceRecord(directory.record, held);
      // All of it is in the ledger.
      await rm(directory.spool, { recursive: true, force: true });
      const ledger = await Ledger.open(directory.ledger);
      return { directory, slot: undefined, ledger, isLeft: true };
    } catch (error) {
      await context.driver.removeNamed(await containersOf(directory));
      throw error;
    }
  };
  const steady = setTimeout(() => {
    // When the job has ended meanwhile, there is nothing to replace.
    replaceRecord(directory.record, { ...held, deaths: 0 }).catch(() => undefined);
  }, STEADY_MS).unref();
  await undertake({ job, leasedAt: askedAt, stored: { seq, lines }, place }, context);
  clearTimeout(steady);
}

async function undertake(undertaking: Undertaking, context: JobRunContext): Promise<void> {
  const { job, leasedAt, stored } = undertaking;
  const logger = context.logger.child({ job: job.id, attempt: job.attempt });
  const lease = new Lease(job.lease_seconds, leasedAt, context.clock);
  let directory: AttemptDirectory | undefined;
  let isOwed = false;
  try {
    const place = await undertaking.place(logger);
    directory = place.directory;
    const spool = await Spool.open(directory.spool);
    const attempt = new Attempt(undertaking, lease, spool, { ...context, logger }, place);
    const end = await attempt.run();
    await spool.close();
    place.ledger.close();
    isOwed = end === 'given-up' && context.abandon.aborted;
    logger.info({ end }, 'the attempt has ended');
  } catch (error) {
    logger.error({ err: error }, `the job cannot be run here: ${describeThrown(error)}`);
    await giveUp(job, stored.seq + 1, error, context);
  } finally {
    lease.close();
    // What could not be told before the runner stopped is told by the next start.
    if (directory !== undefined && !isOwed) context.disposal.addDirectory(directory.path);
    context.warm.touch();
  }
}

/** The directories of the attempt, with a container that stands ready in them if there is one. */
async function makePlace(job: ClaimedJob, context: JobRunContext, logger: Logger): Promise<Place> {
  const { directory, slot } = await makeDirectory(job, context, logger);
  writeFirstRecord(directory.record, {
    job: job.id,
    attempt: job.attempt,
    leaseId: job.lease_id,
    leaseSeconds: job.lease_seconds,
    bootId: context.state.bootId,
    toldCount: 0,
    deaths: 0,
  });
  const ledger = Ledger.create(directory.ledger);
  context.onRecorded(job);
  return { directory, slot, ledger, isLeft: false };
}

async function makeDirectory(
  job: ClaimedJob,
  { state, warm, disposal, needs }: JobRunContext,
  logger: Logger,
): Promise<Pick<Place, 'directory' | 'slot'>> {
  const slot = needs.ofAny(job) ? await warm.take(job) : undefined;
  if (slot !== undefined) {
    try {
      const directory = await state.makeAttempt(job.id, job.attempt, slot.path);
      slot.moved(directory);
      return { directory, slot };
    } catch (error) {
      logger.warn({ err: error }, 'what stood ready cannot be used');
      await Promise.all(slot.takeRest().map((container) => container.kill()));
      disposal.addContainers([slot.containerName]);
      disposal.addDirectory(slot.path);
    }
  }
  return { directory: await state.makeAttempt(job.id, job.attempt), slot: undefined };
}

/**
 * Ends a job that this runner has no place on disk for, and keeps its slot for a while: a sick
 * runner that fails at once would take the jobs of the healthy ones.
 */
async function giveUp(
  job: ClaimedJob,
  seq: number,
  cause: unknown,
  context: JobRunContext,
): Promise<void> {
  const { api, state, stopping, abandon } = context;
  const error = RivetError.of('RIVET_RUNNER_STATE_UNUSABLE', {
    directory: state.path,
    reason: describeThrown(cause),
  });
  try {
    const { attempt, lease_id } = job;
    const empty = { seq, logs: [], stages: [], outputs: {} };
    const body = { attempt, lease_id, ...empty, outcome: failureOf(error) };
    await api.report(job.id, body, { timeoutMs: GIVE_UP_MS, signal: abandon });
  } catch (thrown) {
    // Its lease ends, and the server decides.
    context.logger.warn({ err: thrown, job: job.id }, 'the end of a job could not be told');
  }
  await sleep(SICK_PAUSE_MS, stopping);
}
