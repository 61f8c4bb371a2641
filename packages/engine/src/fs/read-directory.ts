// The entries of one open directory.
import { lstatSync, opendirSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { RivetError } from '@rivet/base';
import { errnoOf, type FsCall, fsFailure } from './fs-failure.ts';
import { descriptorPath, entryPath } from './handles.ts';
import type { Entry } from './jail.ts';
import { joinPath, type PathBytes, showPath } from './script-path.ts';

/** A name that a directory had when it was read. */
export interface NamedEntry {
  readonly name: PathBytes;
  readonly path: PathBytes;
  readonly directory: boolean;
  readonly link: boolean;
  /** No file, directory or link. */
  readonly special: boolean;
}

/** What one call may still see of a tree, so that none grows without end. */
export interface TreeBudget {
  entries: number;
  /** Bytes of all the paths. */
  bytes: number;
}

/** For calls that look at entries without giving them to the script. */
export function treeBudget(): TreeBudget {
  return { entries: 1_000_000, bytes: 256 * 1024 * 1024 };
}

/** @throws RIVET_FS_TOO_MANY when nothing is left for this entry */
export function spend(call: FsCall, path: PathBytes, budget: TreeBudget, entry: PathBytes): void {
  budget.entries -= 1;
  budget.bytes -= entry.length;
  if (budget.entries >= 0 && budget.bytes >= 0) return;
  const limit = budget.entries < 0 ? 'entries for one call' : 'names for one call';
  const where = { function: call.function, path: showPath(path), limit };
  throw RivetError.of('RIVET_FS_TOO_MANY', where);
}

/**
 * The entries of a directory, sorted by the bytes of their names.
 * @throws RIVET_FS_TOO_MANY, RIVET_FS_ACCESS, or the reason of the call's signal
 */
export async function readDirectory(
  call: FsCall,
  directory: Entry,
  path: PathBytes,
  budget: TreeBudget,
): Promise<NamedEntry[]> {
  const entries: NamedEntry[] = [];
  try {
    // Opening goes through the descriptor to the directory itself.
    const handle = await opendir(descriptorPath(directory.fd), {
      encoding: 'latin1' as BufferEncoding,
      bufferSize: 500,
    });
    for await (const found of handle) {
      call.signal.throwIfAborted();
      const name = found.name;
      const child = joinPath(path, name);
      spend(call, path, budget, child);
      const known = found.isFile() || found.isDirectory() || found.isSymbolicLink();
      const kind = known || isSpecial(found) ? found : lookAt(directory, name);
      if (kind === undefined) continue;
      entries.push({
        name,
        path: child,
        directory: kind.isDirectory(),
        link: kind.isSymbolicLink(),
        special: isSpecial(kind),
      });
    }
  } catch (error) {
    call.signal.throwIfAborted();
    throw fsFailure(error, call, path, directory.stats);
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Up to `max` names of a directory; none when it cannot be read. */
export function readNames(directory: number, max: number): PathBytes[] {
  const names: PathBytes[] = [];
  try {
    const handle = opendirSync(descriptorPath(directory), { encoding: 'latin1' });
    try {
      for (let next = handle.readSync(); next !== null; next = handle.readSync()) {
        if (names.push(next.name) === max) break;
      }
    } finally {
      handle.closeSync();
    }
  } catch {
    // Only for a hint in an error that says more.
  }
  return names;
}

interface Kind {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
  isBlockDevice(): boolean;
  isCharacterDevice(): boolean;
}

function isSpecial(kind: Kind): boolean {
  return kind.isFIFO() || kind.isSocket() || kind.isBlockDevice() || kind.isCharacterDevice();
}

/** Some file systems do not say in the directory what an entry is. */
function lookAt(directory: Entry, name: PathBytes): Kind | undefined {
  try {
    return lstatSync(entryPath(directory.fd, name));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
