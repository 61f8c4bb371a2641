// A disk of a test's own that is soon full: a file system in memory, of a fixed size.
import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { databaseAccount } from '@rivet/embedded-database';
import { startProcess } from '@rivet/processes';

export interface SmallDisk {
  readonly directory: string;
  /** Takes all the room that is left, or all but so many bytes. */
  fill(leaveBytes?: number): Promise<void>;
  /** Gives back what `fill` took. */
  free(): Promise<void>;
  /** From now on nobody can write to it. @throws while a file on it is open for writing */
  setReadOnly(): Promise<void>;
  /** Unmounts it, also while files on it are open. */
  remove(): Promise<void>;
}

const BLOCK = Buffer.alloc(64 * 1024);

export interface SmallDiskOptions {
  readonly megabytes: number;
  /** It belongs to the account that databases run as, and not to the user of the test. */
  readonly forDatabase?: boolean;
}

/** Mounts one; undefined where the user may not, which only root may. */
export async function mountSmallDisk(options: SmallDiskOptions): Promise<SmallDisk | undefined> {
  const { megabytes, forDatabase = false } = options;
  const owner = forDatabase ? await databaseAccount() : undefined;
  const directory = await mkdtemp(join(tmpdir(), 'rivet-small-disk-'));
  const owned = owner === undefined ? '' : `,uid=${owner.uid},gid=${owner.gid}`;
  const mounted = await run('mount', [
    ...['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700${owned}`],
    ...['rivet-small-disk', directory],
  ]);
  if (!mounted) {
    await rm(directory, { recursive: true, force: true });
    return undefined;
  }
  const ballast = join(directory, 'ballast');
  return {
    directory,
    async fill(leaveBytes = 0) {
      const { bavail, bsize } = await statfs(directory);
      const most = leaveBytes === 0 ? Number.POSITIVE_INFINITY : bavail * bsize - leaveBytes;
      const file = await open(ballast, 'a');
      try {
        let taken = 0;
        // The last pages one by one: a block that does not fit would leave room.
        for (const size of [BLOCK.length, 4096]) {
          while (taken + size <= most && (await fits(file.appendFile(BLOCK.subarray(0, size))))) {
            taken += size;
          }
        }
      } finally {
        await file.close();
      }
    },
    async setReadOnly() {
      const remounted = await run('mount', ['-o', 'remount,ro', directory]);
      if (!remounted) throw new Error(`${directory} can still be written to`);
    },
    free: () => rm(ballast, { force: true }),
    async remove() {
      if (!(await run('umount', ['-l', directory]))) throw new Error(`${directory} stays mounted`);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function fits(writing: Promise<unknown>): Promise<boolean> {
  try {
    await writing;
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}

async function run(file: string, args: readonly string[]): Promise<boolean> {
  const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  const child = startProcess({ file, args: [...args], env, stdin: 'ignore' });
  child.stdout?.resume();
  child.stderr?.resume();
  return (await child.exit).code === 0;
}
