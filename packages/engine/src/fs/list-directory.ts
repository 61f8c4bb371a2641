// fs.list and fs.stat: what is there.
import { readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { LuaRecord } from '@rivet/lua';
import { fsFailure, showMode } from './fs-failure.ts';
import { entryPath } from './handles.ts';
import { type Entry, type EntryKind, type Jail, type Place, wrongKind } from './jail.ts';
import { readDirectory, spend, type TreeBudget } from './read-directory.ts';
import { type PathBytes, pathValue } from './script-path.ts';

/** Entries between two turns of everybody else. */
const ENTRIES_A_TURN = 500;

export interface ListOptions {
  readonly recursive: boolean;
  /** Only entries of this kind. */
  readonly kind: EntryKind | undefined;
  /** What may be found. */
  readonly most: TreeBudget;
}

/**
 * The entries of a directory, sorted by the bytes of their paths; links are not followed.
 * @throws RIVET_FS_TOO_MANY, RIVET_FS_TYPE, and what `Jail.find` raises
 */
export async function listDirectory(
  jail: Jail,
  path: PathBytes,
  { recursive, kind, most }: ListOptions,
  budget: TreeBudget,
): Promise<LuaRecord[]> {
  const place = jail.find(path, { follow: true });
  if (place.entry.kind !== 'directory') {
    throw wrongKind(jail.call, place.path, place.entry, 'a directory');
  }
  const found: LuaRecord[] = [];
  let looked = 0;
  const visit = async (directory: Entry, at: PathBytes, depth: number): Promise<void> => {
    for (const { name, path } of await readDirectory(jail.call, directory, at, budget)) {
      looked += 1;
      if (looked % ENTRIES_A_TURN === 0) await setImmediate();
      const entry = jail.lookup(directory, name, path);
      if (entry === undefined) continue;
      if (kind === undefined || kind === entry.kind) {
        spend(jail.call, place.path, most, path);
        found.push(listed(name, path, entry));
      }
      if (recursive && entry.kind === 'directory') {
        if (depth === 0) throw jail.tooDeep(path);
        await visit(entry, path, depth - 1);
      }
      jail.handles.close(entry.fd);
    }
  };
  await visit(place.entry, place.path, jail.depthMax);
  return found;
}

function listed(name: PathBytes, path: PathBytes, { kind, stats }: Entry): LuaRecord {
  const { mtimeMs, size } = stats;
  return { name: pathValue(name), path: pathValue(path), type: kind, size, mtime: mtimeMs / 1000 };
}

/** What `fs.stat` tells of a place; undefined when nothing is there. */
export function describePlace(jail: Jail, place: Place): LuaRecord | undefined {
  const { entry, parent, name, path } = place;
  if (entry === undefined) return undefined;
  const { stats, kind } = entry;
  return {
    path: pathValue(path),
    type: kind,
    size: stats.size,
    mtime: stats.mtimeMs / 1000,
    mode: showMode(stats.mode),
    uid: stats.uid,
    gid: stats.gid,
    ...(kind === 'link' && parent !== undefined
      ? { target: pathValue(targetOf(jail, parent, name, path)) }
      : {}),
  };
}

function targetOf(jail: Jail, parent: Entry, name: PathBytes, path: PathBytes): PathBytes {
  try {
    return readlinkSync(entryPath(parent.fd, name), 'latin1');
  } catch (error) {
    throw fsFailure(error, jail.call, path);
  }
}
