// fs.remove: files, links and whole directories.
import { rmdirSync, unlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { RivetError } from '@rivet/base';
import { changed, errnoOf, fsFailure } from './fs-failure.ts';
import { entryPath } from './handles.ts';
import type { Entry, Jail } from './jail.ts';
import { readDirectory, type TreeBudget } from './read-directory.ts';
import { type PathBytes, showPath } from './script-path.ts';

const ENTRIES_A_TURN = 500;

/**
 * Removes what a path names; a link itself, never what it leads to.
 * @returns whether something was there
 * @throws RIVET_FS_NOT_EMPTY, RIVET_FS_ROOT, RIVET_FS_CHANGED when something else keeps filling the
 *   directory, and what `Jail.resolve` raises
 */
export async function removeTree(
  jail: Jail,
  path: PathBytes,
  options: { readonly recursive: boolean },
  budget: TreeBudget,
): Promise<boolean> {
  const place = jail.look(path, { follow: false });
  if (place === undefined) return false;
  if (place.parent === undefined) throw isWorkspace(jail);
  if (place.entry === undefined) return false;
  if (place.entry.kind === 'directory') {
    if (options.recursive) await emptyDirectory(jail, place.entry, place.path, budget);
    removeDirectory(jail, place.parent, place.name, place.path);
  } else {
    removeFile(jail, place.parent, place.name, place.path);
  }
  return true;
}

export function isWorkspace(jail: Jail): RivetError {
  return RivetError.of('RIVET_FS_ROOT', { function: jail.call.function });
}

/** Removes what is in a directory; each name is looked at again in the open directory. */
async function emptyDirectory(
  jail: Jail,
  directory: Entry,
  path: PathBytes,
  budget: TreeBudget,
): Promise<void> {
  let removed = 0;
  const empty = async (within: Entry, at: PathBytes, depth: number): Promise<void> => {
    for (const found of await readDirectory(jail.call, within, at, budget)) {
      removed += 1;
      if (removed % ENTRIES_A_TURN === 0) await setImmediate();
      const entry = found.directory ? jail.lookup(within, found.name, found.path) : undefined;
      if (entry?.kind !== 'directory') {
        if (entry !== undefined) jail.handles.close(entry.fd);
        removeFile(jail, within, found.name, found.path);
        continue;
      }
      if (depth === 0) throw jail.tooDeep(found.path);
      await empty(entry, found.path, depth - 1);
      jail.handles.close(entry.fd);
      removeDirectory(jail, within, found.name, found.path);
    }
  };
  await empty(directory, path, jail.depthMax);
}

/** unlink(2) removes a link itself, and refuses a directory. */
export function removeFile(jail: Jail, parent: Entry, name: PathBytes, path: PathBytes): void {
  try {
    unlinkSync(entryPath(parent.fd, name));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    // Linux says EISDIR, POSIX EPERM.
    if (errnoOf(error) === 'EISDIR') throw changed(jail.call, path, error);
    throw fsFailure(error, jail.call, path, parent.stats);
  }
}

function removeDirectory(jail: Jail, parent: Entry, name: PathBytes, path: PathBytes): void {
  try {
    rmdirSync(entryPath(parent.fd, name));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    if (errnoOf(error) !== 'ENOTEMPTY') throw fsFailure(error, jail.call, path, parent.stats);
    const where = { function: jail.call.function, path: showPath(path) };
    throw RivetError.of('RIVET_FS_NOT_EMPTY', where, error);
  }
}
