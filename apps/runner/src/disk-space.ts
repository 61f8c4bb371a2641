// Whether a file system has room for jobs: bytes and files that are left, and what is wanted.
import { access, constants, statfs } from 'node:fs/promises';
import { formatSize } from '@rivet/base';

/** What is left of a file system for programs without privileges. */
export interface DiskSpace {
  readonly bytesFree: number;
  readonly bytesTotal: number;
  readonly filesFree: number;
  /** 0: it does not count them. */
  readonly filesTotal: number;
  /** Nobody can write to it: it was mounted so, or the kernel found it broken. */
  readonly isReadOnly: boolean;
}

/** @throws what the file system says, such as ENOENT */
export type ReadDisk = (path: string) => Promise<DiskSpace>;

export const readDisk: ReadDisk = async (path) => {
  const { bsize, blocks, bavail, files, ffree } = await statfs(path);
  return {
    bytesFree: bavail * bsize,
    bytesTotal: blocks * bsize,
    filesFree: ffree,
    filesTotal: files,
    isReadOnly: await isReadOnly(path),
  };
};

/** Other reasons not to write there are none of the file system. */
async function isReadOnly(path: string): Promise<boolean> {
  return await access(path, constants.W_OK).then(
    () => false,
    ({ code }: NodeJS.ErrnoException) => code === 'EROFS',
  );
}

/** Unless the settings say how many bytes: the smaller of a part and a number. */
const BYTES = { part: 0.1, most: 2 * 1024 ** 3 };
const FILES = { part: 0.05, most: 100_000 };
/** A disk that was short has room again when so much more is left: not with every file that goes. */
const AGAIN = 1.25;

/**
 * What a file system lacks, for people; undefined when it has room.
 * @param bytesMin undefined: as the size of the file system says
 * @param wasShort whether it lacked something the last time
 */
export function shortageOf(
  space: DiskSpace,
  bytesMin: number | undefined,
  wasShort: boolean,
): string | undefined {
  if (space.isReadOnly) return 'can only be read: look at the log of the kernel, and mount it anew';
  const factor = wasShort ? AGAIN : 1;
  const bytes = bytesMin ?? Math.min(BYTES.most, space.bytesTotal * BYTES.part);
  if (space.bytesFree < bytes * factor) {
    return `has ${formatSize(space.bytesFree)} left, and takes jobs from ${formatSize(bytes * AGAIN)} on`;
  }
  const files = Math.min(FILES.most, space.filesTotal * FILES.part);
  if (space.filesFree < files * factor) {
    return `has room for ${space.filesFree} files, and takes jobs from ${Math.ceil(files * AGAIN)} on`;
  }
  return undefined;
}
