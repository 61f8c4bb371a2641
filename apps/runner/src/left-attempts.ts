// What a runner that died left of its attempts, and which of them may go on here.
import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describeThrown, type Logger } from '@rivet/base';
import type { ConnectRequest } from '@rivet/protocol';
import { type AttemptRecord, readRecord, replaceRecord } from './attempt-record.ts';
import { Ledger } from './ledger.ts';
import type { AttemptDirectory, StateDirectory } from './state-directory.ts';

/** A job that ends its runner so often, and gets no further meanwhile, is not taken up again. */
const DEATHS_MAX = 3;

/** An attempt of an earlier process of this runner, on a machine that has not started anew. */
export interface LeftAttempt {
  readonly directory: AttemptDirectory;
  readonly record: AttemptRecord;
}

/** Those that may go on. What else lies in the directory is only to be removed. */
export async function findLeftAttempts(
  state: StateDirectory,
  logger: Logger,
): Promise<LeftAttempt[]> {
  const left: LeftAttempt[] = [];
  for (const directory of await state.listAttempts()) {
    try {
      const record = await readyRecord(directory, state, logger);
      if (record !== undefined) left.push({ directory, record });
    } catch (error) {
      // A disk that is full, or ill: held without a record, it could be nobody's after a death.
      const { path } = directory;
      logger.error({ err: error, path }, `a job cannot be taken up: ${describeThrown(error)}`);
    }
  }
  return left;
}

/** Notes what the server will be asked with. Undefined: it is not to go on. */
async function readyRecord(
  directory: AttemptDirectory,
  state: StateDirectory,
  logger: Logger,
): Promise<AttemptRecord | undefined> {
  const record = await readRecord(directory.record);
  if (record === undefined || record.bootId !== state.bootId) return undefined;
  const { job, attempt } = record;
  const { toldCount } = await Ledger.open(directory.ledger);
  const deaths = toldCount > record.toldCount ? 0 : record.deaths;
  if (deaths >= DEATHS_MAX) {
    logger.error({ job, attempt, deaths }, 'a job that ended its runner so often is given up');
    return undefined;
  }
  const nextLeaseId = record.nextLeaseId ?? randomUUID();
  const next = { ...record, nextLeaseId, toldCount, deaths };
  await replaceRecord(directory.record, next);
  return next;
}

/** As the server is told of them. */
export function heldOf(left: readonly LeftAttempt[]): NonNullable<ConnectRequest['held']> {
  return left.map(({ record: { job, attempt, leaseId, nextLeaseId } }) => ({
    job_id: job,
    attempt,
    lease_ids: nextLeaseId === undefined ? [leaseId] : [leaseId, nextLeaseId],
  }));
}

/** The names of the containers of an attempt, whatever has become of them. */
export async function containersOf(directory: AttemptDirectory): Promise<string[]> {
  return await readdir(join(directory.state, 'containers')).catch((error) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}
