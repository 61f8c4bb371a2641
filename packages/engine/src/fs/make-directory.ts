// fs.mkdir, and the modes that new entries get.
import { chmodSync, fstatSync, mkdirSync } from 'node:fs';
import { RivetError } from '@rivet/base';
import { changed, errnoOf, fsFailure } from './fs-failure.ts';
import { descriptorPath, entryPath } from './handles.ts';
import { type Entry, type Jail, wrongKind } from './jail.ts';
import { type PathBytes, showPath } from './script-path.ts';

/**
 * The mode of something new: everybody may read it, and whoever may write to its directory may
 * write to it. A runner's workspace is open to the users of all containers; a directory that
 * `rivet run --bind` mounts is not.
 * @param most 0o666 for files, 0o777 for directories
 */
export function newMode(most: number, directory: Entry): number {
  return most & (0o755 | directory.stats.mode);
}

/**
 * Makes a directory; one that is there already is fine.
 * @throws RIVET_FS_TYPE when something else is there, and what `Jail.resolve` raises
 */
export function makeDirectory(
  jail: Jail,
  path: PathBytes,
  options: { readonly parents: boolean; readonly mode: number | undefined },
): void {
  const place = jail.resolve(path, { follow: true, parents: options.parents });
  if (place.entry !== undefined && place.entry.kind !== 'directory') {
    throw wrongKind(jail.call, place.path, place.entry, 'a directory or nothing');
  }
  if (place.entry !== undefined || place.parent === undefined) return;
  makeOneDirectory(jail, place.parent, place.name, place.path, options.mode);
}

/** Makes a directory in one that is open, and opens it; one that is there by now is fine. */
export function makeOneDirectory(
  jail: Jail,
  parent: Entry,
  name: PathBytes,
  path: PathBytes,
  mode = newMode(0o777, parent),
): Entry {
  let made = true;
  try {
    mkdirSync(entryPath(parent.fd, name), mode);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw fsFailure(error, jail.call, path, parent.stats);
    made = false;
  }
  const entry = jail.lookup(parent, name, path);
  if (entry?.kind !== 'directory') throw changed(jail.call, path);
  // The mask of the process took some of the mode away.
  if (!made) return entry;
  setMode(jail, entry, path, mode);
  return { ...entry, stats: fstatSync(entry.fd) };
}

/** Sets the permission bits of what a descriptor holds, wherever it is by now. */
export function setMode(jail: Jail, entry: Entry, path: PathBytes, mode: number): void {
  if ((entry.stats.mode & 0o7777) === mode) return;
  try {
    chmodSync(descriptorPath(entry.fd), mode);
  } catch (error) {
    throw fsFailure(error, jail.call, path, entry.stats);
  }
}

export function alreadyThere(jail: Jail, path: PathBytes): RivetError {
  const where = { function: jail.call.function, path: showPath(path) };
  return RivetError.of('RIVET_FS_EXISTS', where);
}
