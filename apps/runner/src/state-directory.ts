// What a runner keeps on disk: who it is, that it alone works there, and one directory for each
// attempt.
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  backoffMs,
  describeThrown,
  isRivetError,
  RivetError,
  sleep,
  writeFileAtomically,
} from '@rivet/base';
import { identifyProcess, isProcessAlive, type ProcessIdentity } from '@rivet/processes';

const LOCK_TRIES_MAX = 5;
const OWNER_PATTERN = /^[0-9a-f-]{36}$/;

/** Where an attempt works. */
export interface AttemptDirectory {
  readonly path: string;
  /** Mounted at /workspace; containers of any user may write to it. */
  readonly workspace: string;
  /** The engine's journal and control directories. */
  readonly state: string;
  /** What was not reported yet and has no room in memory. */
  readonly spool: string;
  /** What the job has told. */
  readonly ledger: string;
  /** A file: whose attempt it is. */
  readonly record: string;
}

/** A state directory that this process holds until `release`. */
export interface StateDirectory {
  readonly path: string;
  /** Marks the containers of this runner; stays the same from start to start. */
  readonly owner: string;
  /** Of this start of the machine. */
  readonly bootId: string;
  /**
   * Makes the directories of an attempt.
   * @param slot directory of a slot whose content the attempt takes over
   */
  makeAttempt(job: string, attempt: number, slot?: string): Promise<AttemptDirectory>;
  /** Makes the directories of an attempt that is not known yet. */
  makeSlot(): Promise<AttemptDirectory>;
  /** Directories of attempts and slots that are there, whoever made them. */
  listAttempts(): Promise<readonly AttemptDirectory[]>;
  /** Numbers the connects of all processes of this runner. */
  readonly connects: Counter;
  release(): Promise<void>;
}

/** Counts for ever: what it gives is on the disk before. */
export interface Counter {
  /** Greater than everything it gave before. */
  next(): Promise<number>;
  /** From now on it gives what is greater than `least`. */
  raise(least: number): void;
}

/**
 * Makes the directory where it is missing, and holds it.
 * @throws RIVET_RUNNER_STATE_LOCKED when another runner that lives holds it,
 * RIVET_RUNNER_STATE_UNUSABLE
 */
export async function openStateDirectory(path: string): Promise<StateDirectory> {
  try {
    await mkdir(join(path, 'jobs'), { recursive: true, mode: 0o700 });
    await mkdir(join(path, 'warm'), { recursive: true, mode: 0o700 });
    await mkdir(join(path, 'locks'), { recursive: true, mode: 0o700 });
    const identity = await ownIdentity();
    const lock = await takeLock(path, identity);
    const owner = await readOwner(join(path, 'owner'));
    return {
      path,
      owner,
      bootId: identity.bootId,
      async makeAttempt(job, attempt, slot) {
        const own = join(path, 'jobs', `${job}.${attempt}`);
        if (slot === undefined) return await makeAttempt(own);
        await rename(slot, own);
        return attemptDirectory(own);
      },
      makeSlot: () => makeAttempt(join(path, 'warm', randomUUID())),
      listAttempts: async () => [
        ...(await listDirectory(join(path, 'jobs'))),
        ...(await listDirectory(join(path, 'warm'))),
      ],
      connects: await openCounter(join(path, 'connects')),
      release: () => rm(lock, { force: true }),
    };
  } catch (error) {
    if (isRivetError(error)) throw error;
    throw RivetError.of(
      'RIVET_RUNNER_STATE_UNUSABLE',
      { directory: path, reason: describeThrown(error) },
      error,
    );
  }
}

async function listDirectory(path: string): Promise<AttemptDirectory[]> {
  return (await readdir(path)).map((name) => attemptDirectory(join(path, name)));
}

/** The places in the directory of an attempt. */
export function attemptDirectory(path: string): AttemptDirectory {
  return {
    path,
    workspace: join(path, 'workspace'),
    state: join(path, 'state'),
    spool: join(path, 'spool'),
    ledger: join(path, 'ledger'),
    record: join(path, 'attempt.json'),
  };
}

async function makeAttempt(path: string): Promise<AttemptDirectory> {
  const directory = attemptDirectory(path);
  await mkdir(path, { mode: 0o700 });
  await mkdir(directory.workspace);
  // The umask would take the right to write away from containers that run as another user.
  await chmod(directory.workspace, 0o777);
  await mkdir(directory.state, { mode: 0o700 });
  return directory;
}

/**
 * A lock is a file named by the identity of its process, so nobody ever removes the lock of a
 * process that lives, and no two processes ever write the same file. Whoever sees another living
 * one steps back; when two start together both may, and both try again after different pauses.
 */
async function takeLock(directory: string, identity: ProcessIdentity): Promise<string> {
  const locks = join(directory, 'locks');
  const own = nameOf(identity);
  const path = join(locks, own);
  for (let tried = 1; ; tried += 1) {
    await writeFile(path, '', { mode: 0o600 });
    const rival = await findRival(locks, own);
    if (rival === undefined) return path;
    await rm(path, { force: true });
    if (tried >= LOCK_TRIES_MAX) {
      throw RivetError.of('RIVET_RUNNER_STATE_LOCKED', { directory, pid: rival });
    }
    await sleep(20 + backoffMs(tried, { baseMs: 50, maxMs: 200 }));
  }
}

/** The process id of another living holder; locks of dead ones are removed. */
async function findRival(locks: string, own: string): Promise<number | undefined> {
  for (const name of await readdir(locks)) {
    if (name === own) continue;
    const identity = parseIdentity(name);
    if (identity !== undefined && (await isProcessAlive(identity))) return identity.pid;
    await rm(join(locks, name), { force: true });
  }
  return undefined;
}

async function ownIdentity(): Promise<ProcessIdentity> {
  const identity = await identifyProcess(process.pid);
  if (identity === undefined) throw new Error('/proc does not show this process; mount it');
  return identity;
}

function nameOf({ bootId, pid, startTicks }: ProcessIdentity): string {
  return `${bootId}.${pid}.${startTicks}`;
}

/** The identity that a lock is named by; undefined when it is no lock. */
function parseIdentity(name: string): ProcessIdentity | undefined {
  const [, bootId = '', pid, startTicks] =
    /^([0-9a-f-]{36})\.(\d{1,10})\.(\d{1,15})$/.exec(name) ?? [];
  if (pid === undefined) return undefined;
  return { bootId, pid: Number(pid), startTicks: Number(startTicks) };
}

/** A file that is not there, or that somebody has spoilt, counts from the beginning. */
async function openCounter(path: string): Promise<Counter> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  let last = /^\d{1,15}$/.test(text.trim()) ? Number(text) : 0;
  return {
    async next() {
      last += 1;
      await writeFileAtomically(path, `${last}\n`);
      return last;
    },
    raise(least) {
      last = Math.max(last, least);
    },
  };
}

async function readOwner(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  if (OWNER_PATTERN.test(text.trim())) return text.trim();
  const owner = randomUUID();
  await writeFileAtomically(path, `${owner}\n`);
  return owner;
}
