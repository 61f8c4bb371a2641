// fs.copy: files and whole directories.
import { ftruncateSync, readlinkSync, symlinkSync, write } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { RivetError } from '@rivet/base';
import { changed, errnoOf, fsFailure } from './fs-failure.ts';
import { entryPath } from './handles.ts';
import { type Entry, type Jail, type Place, wrongKind } from './jail.ts';
import { alreadyThere, makeOneDirectory, setMode } from './make-directory.ts';
import { refuseIntoItself, sameEntry } from './move-entry.ts';
import { openFile } from './open-file.ts';
import { readDirectory, type TreeBudget } from './read-directory.ts';
import { readChunks } from './read-file.ts';
import { isWorkspace, removeFile } from './remove-tree.ts';
import { joinPath, type PathBytes } from './script-path.ts';
import type { SpaceLimits } from './space-limits.ts';
import { filePlace, replaceFile } from './write-file.ts';

const writeBytes = promisify(write);
const ENTRIES_A_TURN = 100;

export interface CopyOptions {
  /** Whether files that are there are replaced; directories are merged. */
  readonly overwrite: boolean;
  readonly parents: boolean;
}

/** One copy on its way. */
interface Copy {
  readonly jail: Jail;
  readonly options: CopyOptions;
  readonly limits: SpaceLimits;
  readonly budget: TreeBudget;
  entries: number;
}

/**
 * Copies a file, or a directory with all that is in it. Modes are kept; links in a directory stay
 * links; pipes, sockets and devices are refused.
 * @throws RIVET_FS_EXISTS, RIVET_FS_TYPE, RIVET_FS_INTO_ITSELF, the errors of the limits
 */
export async function copyTree(
  jail: Jail,
  from: PathBytes,
  to: PathBytes,
  options: CopyOptions,
  limits: SpaceLimits,
  budget: TreeBudget,
): Promise<void> {
  const source = jail.find(from, { follow: true });
  const target = jail.resolve(to, { follow: true, parents: options.parents });
  refuseIntoItself(jail, source.entry, target);
  if (target.entry !== undefined && sameEntry(source.entry, target.entry)) {
    throw RivetError.of('RIVET_FS_INTO_ITSELF', {
      function: jail.call.function,
      path: JSON.stringify(target.path),
    });
  }
  await copyEntry({ jail, options, limits, budget, entries: 0 }, source, target, jail.depthMax);
}

type Found = Place & { readonly entry: Entry };

async function copyEntry(copy: Copy, source: Found, target: Place, depth: number): Promise<void> {
  const { jail } = copy;
  copy.entries += 1;
  if (copy.entries % ENTRIES_A_TURN === 0) await setImmediate();
  jail.call.signal.throwIfAborted();
  switch (source.entry.kind) {
    case 'file':
      return await copyFile(copy, source, target);
    case 'directory':
      if (depth === 0) throw jail.tooDeep(source.path);
      return await copyDirectory(copy, source, target, depth);
    case 'link':
      return copyLink(copy, source, target);
    default:
      throw wrongKind(jail.call, source.path, source.entry, 'a file, a directory or a link');
  }
}

async function copyDirectory(
  copy: Copy,
  source: Found,
  target: Place,
  depth: number,
): Promise<void> {
  const { jail, budget } = copy;
  const there = target.entry;
  if (there !== undefined && there.kind !== 'directory') {
    throw wrongKind(jail.call, target.path, there, 'a directory or nothing');
  }
  const mode = source.entry.stats.mode & 0o777;
  const made = there ?? makeWritable(jail, target);
  for (const { name, path } of await readDirectory(jail.call, source.entry, source.path, budget)) {
    const entry = jail.lookup(source.entry, name, path);
    if (entry === undefined) continue;
    const to = joinPath(target.path, name);
    const child = jail.lookup(made, name, to);
    const above = [...target.above, made];
    await copyEntry(
      copy,
      { path, parent: source.entry, name, entry, above: source.above },
      { path: to, parent: made, name, entry: child, above },
      depth - 1,
    );
    jail.handles.close(entry.fd);
    if (child !== undefined) jail.handles.close(child.fd);
  }
  if (there === undefined) {
    setMode(jail, made, target.path, mode);
    jail.handles.close(made.fd);
  }
}

/** A directory that can be filled; it gets the mode of its source when it is full. */
function makeWritable(jail: Jail, target: Place): Entry {
  if (target.parent === undefined) throw isWorkspace(jail);
  return makeOneDirectory(jail, target.parent, target.name, target.path, 0o700);
}

async function copyFile(copy: Copy, source: Found, target: Place): Promise<void> {
  const { jail, options, limits } = copy;
  const place = filePlace(jail, target);
  if (target.entry !== undefined && !options.overwrite) throw alreadyThere(jail, target.path);
  const { fd, stats } = openFile(jail, source.path, source.entry);
  const added = stats.blocks * 512 - (target.entry?.stats.size ?? 0);
  await limits.check(jail.call, target.path, stats.size, added);
  const mode = target.entry === undefined ? stats.mode & 0o777 : undefined;
  await replaceFile(jail, place, { mode, overwrite: options.overwrite }, async (to) => {
    await copyContent(jail, source.path, fd, to, stats.size);
  });
  jail.handles.close(fd);
}

/** Copies what the file had when it was opened; long runs of zeros become holes. */
async function copyContent(
  jail: Jail,
  path: PathBytes,
  from: number,
  to: number,
  size: number,
): Promise<void> {
  let position = 0;
  for await (const chunk of readChunks(jail, path, from)) {
    const part = chunk.subarray(0, size - position);
    if (!part.equals(ZEROS.subarray(0, part.length))) {
      for (let at = 0; at < part.length; ) {
        const { bytesWritten } = await writeBytes(to, part, at, part.length - at, position + at);
        at += bytesWritten;
      }
    }
    position += part.length;
    if (position === size) break;
  }
  ftruncateSync(to, position);
}

const ZEROS = Buffer.alloc(1024 * 1024);

function copyLink({ jail, options }: Copy, source: Found, target: Place): void {
  if (source.parent === undefined || target.parent === undefined) throw isWorkspace(jail);
  if (target.entry !== undefined) {
    if (!options.overwrite) throw alreadyThere(jail, target.path);
    if (target.entry.kind === 'directory') {
      throw wrongKind(jail.call, target.path, target.entry, 'a file, a link or nothing');
    }
    removeFile(jail, target.parent, target.name, target.path);
  }
  try {
    const content = readlinkSync(entryPath(source.parent.fd, source.name), 'latin1');
    const link = Buffer.from(content, 'latin1');
    symlinkSync(link, entryPath(target.parent.fd, target.name));
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw changed(jail.call, target.path, error);
    throw fsFailure(error, jail.call, target.path, target.parent.stats);
  }
}
