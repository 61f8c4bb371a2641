// Opens files that were found, without waiting for anything that only looks like one.
import { constants, fstatSync, type Stats } from 'node:fs';
import { changed, fsFailure } from './fs-failure.ts';
import { descriptorPath } from './handles.ts';
import { type Entry, type Jail, wrongKind } from './jail.ts';
import type { PathBytes } from './script-path.ts';

export interface OpenFile {
  readonly fd: number;
  readonly stats: Stats;
}

/**
 * Opens what an entry holds. Pipes, sockets and devices are refused before they are opened: opening
 * a pipe wakes up its other end. O_NONBLOCK also keeps a lease on the file from making this wait.
 * @throws RIVET_FS_TYPE, RIVET_FS_ACCESS, RIVET_FS_BUSY
 */
export function openFile(
  jail: Jail,
  path: PathBytes,
  entry: Entry,
  flags: number = constants.O_RDONLY,
): OpenFile {
  if (entry.kind !== 'file') throw wrongKind(jail.call, path, entry, 'a file');
  try {
    const fd = jail.handles.open(
      descriptorPath(entry.fd),
      flags | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw changed(jail.call, path);
    return { fd, stats };
  } catch (error) {
    throw fsFailure(error, jail.call, path, entry.stats);
  }
}
