// fs.move: another name for a file or a directory.
import { renameSync } from 'node:fs';
import { RivetError } from '@rivet/base';
import { errnoOf, fsFailure } from './fs-failure.ts';
import { entryPath } from './handles.ts';
import { type Entry, type Jail, type Place, wrongKind } from './jail.ts';
import { alreadyThere } from './make-directory.ts';
import { isWorkspace } from './remove-tree.ts';
import { type PathBytes, showPath } from './script-path.ts';

export interface MoveOptions {
  /** Whether a file that has the new name is replaced. */
  readonly overwrite: boolean;
  readonly parents: boolean;
}

/**
 * Renames; a link is moved itself. A file replaces a file, a directory an empty directory.
 * @throws RIVET_FS_EXISTS, RIVET_FS_TYPE, RIVET_FS_NOT_EMPTY, RIVET_FS_INTO_ITSELF
 */
export function moveEntry(
  jail: Jail,
  from: PathBytes,
  to: PathBytes,
  { overwrite, parents }: MoveOptions,
): void {
  const source = jail.find(from, { follow: false });
  const target = jail.resolve(to, { follow: false, parents });
  if (source.parent === undefined || target.parent === undefined) throw isWorkspace(jail);
  refuseIntoItself(jail, source.entry, target);
  const there = target.entry;
  if (there !== undefined) {
    if (sameEntry(there, source.entry)) return;
    if (!overwrite) throw alreadyThere(jail, target.path);
    const directory = source.entry.kind === 'directory';
    if (directory !== (there.kind === 'directory')) {
      const expected = directory ? 'an empty directory or nothing' : 'a file or nothing';
      throw wrongKind(jail.call, target.path, there, expected);
    }
  }
  try {
    renameSync(entryPath(source.parent.fd, source.name), entryPath(target.parent.fd, target.name));
  } catch (error) {
    if (errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST') {
      const where = { function: jail.call.function, path: showPath(target.path) };
      throw RivetError.of('RIVET_FS_NOT_EMPTY', where, error);
    }
    // Which of the two directories refused it is not told.
    throw fsFailure(error, jail.call, source.path);
  }
}

/** @throws RIVET_FS_INTO_ITSELF when the target is in the source */
export function refuseIntoItself(jail: Jail, source: Entry, target: Place): void {
  if (!target.above.some((directory) => sameEntry(directory, source))) return;
  const where = { function: jail.call.function, path: showPath(target.path) };
  throw RivetError.of('RIVET_FS_INTO_ITSELF', where);
}

export function sameEntry(a: Entry, b: Entry): boolean {
  return a.stats.ino === b.stats.ino && a.stats.dev === b.stats.dev;
}
