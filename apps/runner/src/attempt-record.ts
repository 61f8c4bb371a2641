// What a runner writes down about an attempt before anything of it starts, so that the process
// that comes after it can ask for the attempt. It says nothing of what the job is given.
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { writeFileAtomically } from '@rivet/base';

export interface AttemptRecord {
  readonly job: string;
  readonly attempt: number;
  /** Under which the server knew the attempt the last time. */
  readonly leaseId: string;
  /**
   * Under which it may know it now: asked for, and not answered. Kept before it is asked for, so
   * that a lost answer loses nothing.
   */
  readonly nextLeaseId?: string;
  /** Length of the lease when it was given, in seconds. */
  readonly leaseSeconds: number;
  /** Of this start of the machine: another one has none of the processes. */
  readonly bootId: string;
  /** How many things the job had told when it was taken up. */
  readonly toldCount: number;
  /** Processes that took it up again, without its getting any further since. */
  readonly deaths: number;
}

/**
 * Writes the first record of an attempt. Not synced, and not by a rename: a machine that starts
 * again uses no record, and of a piece of one nothing has begun.
 */
export function writeFirstRecord(path: string, record: AttemptRecord): void {
  writeFileSync(path, JSON.stringify(record), { mode: 0o600, flag: 'wx' });
}

/** Replaces the record. */
export async function replaceRecord(path: string, record: AttemptRecord): Promise<void> {
  await writeFileAtomically(path, JSON.stringify(record));
}

/** Undefined when there is none, or only a piece of one. */
export async function readRecord(path: string): Promise<AttemptRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(path, 'utf8')) as Partial<AttemptRecord> | null;
    return isWhole(record) ? record : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

function isWhole(record: Partial<AttemptRecord> | null): record is AttemptRecord {
  return (
    typeof record?.job === 'string' &&
    typeof record.attempt === 'number' &&
    typeof record.leaseId === 'string' &&
    typeof record.leaseSeconds === 'number' &&
    typeof record.bootId === 'string' &&
    typeof record.toldCount === 'number' &&
    typeof record.deaths === 'number'
  );
}
