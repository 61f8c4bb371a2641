// fs.write and fs.append: files with new content.
import { randomUUID } from 'node:crypto';
import {
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  linkSync,
  renameSync,
  unlinkSync,
  write,
} from 'node:fs';
import { promisify } from 'node:util';
import { changed, errnoOf, fsFailure } from './fs-failure.ts';
import { entryPath } from './handles.ts';
import { type Entry, type Jail, type Place, wrongKind } from './jail.ts';
import { alreadyThere, newMode } from './make-directory.ts';
import { openFile } from './open-file.ts';
import type { PathBytes } from './script-path.ts';
import type { SpaceLimits } from './space-limits.ts';

const writeBytes = promisify(write);

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export interface WriteOptions {
  /** Permission bits; undefined: those of the file that is replaced, or those of something new. */
  readonly mode: number | undefined;
  readonly parents: boolean;
  /** Whether a file that is there is replaced. */
  readonly overwrite: boolean;
}

/** A place that can hold a file. */
interface FilePlace extends Place {
  readonly parent: Entry;
}

/**
 * Writes a whole file: readers see the old content or the new one, never a part, also when the
 * machine stops in between.
 * @throws RIVET_FS_TYPE, RIVET_FS_EXISTS, the errors of the limits, and what `Jail.resolve` raises
 */
export async function writeFile(
  jail: Jail,
  path: PathBytes,
  content: Uint8Array,
  options: WriteOptions,
  limits: SpaceLimits,
): Promise<void> {
  const place = filePlace(jail, jail.resolve(path, { follow: true, parents: options.parents }));
  if (place.entry !== undefined && !options.overwrite) throw alreadyThere(jail, place.path);
  const before = place.entry?.stats.size ?? 0;
  await limits.check(jail.call, place.path, content.length, content.length - before);
  await replaceFile(jail, place, options, (fd) => writeAll(jail, place.path, fd, content));
}

/**
 * Fills a file under another name and gives it its name when it is complete.
 * @param fill writes the content
 */
export async function replaceFile(
  jail: Jail,
  place: FilePlace,
  options: { readonly mode: number | undefined; readonly overwrite: boolean },
  fill: (fd: number) => Promise<void>,
): Promise<void> {
  const { parent, entry, path } = place;
  const draft = `.rivet-${randomUUID()}.tmp`;
  let named = false;
  try {
    const fd = jail.handles.open(entryPath(parent.fd, draft), CREATE, 0o600);
    try {
      await fill(fd);
      keepOwner(fd, entry);
      fchmodSync(fd, options.mode ?? defaultMode(parent, entry));
      giveName(jail, parent, draft, place, options.overwrite);
      named = options.overwrite;
    } finally {
      jail.handles.close(fd);
      if (!named) discard(parent, draft);
    }
  } catch (error) {
    throw fsFailure(error, jail.call, path, parent.stats);
  }
}

function discard(parent: Entry, draft: PathBytes): void {
  try {
    unlinkSync(entryPath(parent.fd, draft));
  } catch (error) {
    // A command may have cleaned the directory up.
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * Adds to the end of a file, which is made when it is missing.
 * @throws like `writeFile`
 */
export async function appendFile(
  jail: Jail,
  path: PathBytes,
  content: Uint8Array,
  options: { readonly mode: number | undefined; readonly parents: boolean },
  limits: SpaceLimits,
): Promise<void> {
  const place = filePlace(jail, jail.resolve(path, { follow: true, parents: options.parents }));
  const { entry } = place;
  const before = entry?.stats.size ?? 0;
  await limits.check(jail.call, place.path, before + content.length, content.length);
  const fd =
    entry === undefined
      ? createToAppend(jail, place, options.mode)
      : openFile(jail, place.path, entry, constants.O_WRONLY | constants.O_APPEND).fd;
  await writeAll(jail, place.path, fd, content);
}

/** @throws RIVET_FS_TYPE when something that is no file has this name */
export function filePlace(jail: Jail, place: Place): FilePlace {
  const { parent, entry } = place;
  if (entry !== undefined && entry.kind !== 'file') {
    throw wrongKind(jail.call, place.path, entry, 'a file or nothing');
  }
  if (parent === undefined) throw changed(jail.call, place.path);
  return { ...place, parent };
}

/** Writes from where the file stands, in parts, so that a stopped branch stops. */
async function writeAll(
  jail: Jail,
  path: PathBytes,
  fd: number,
  content: Uint8Array,
): Promise<void> {
  try {
    for (let from = 0; from < content.length; ) {
      jail.call.signal.throwIfAborted();
      const length = Math.min(content.length - from, WRITE_BYTES);
      from += (await writeBytes(fd, content, from, length, null)).bytesWritten;
    }
  } catch (error) {
    throw fsFailure(error, jail.call, path);
  }
}

const WRITE_BYTES = 1024 * 1024;

function createToAppend(jail: Jail, place: FilePlace, mode: number | undefined): number {
  try {
    const fd = jail.handles.open(
      entryPath(place.parent.fd, place.name),
      CREATE | constants.O_APPEND,
      0o600,
    );
    fchmodSync(fd, mode ?? newMode(0o666, place.parent));
    return fd;
  } catch (error) {
    throw fsFailure(error, jail.call, place.path, place.parent.stats);
  }
}

/** Renaming never follows a link in the last name; linking refuses a name that is taken. */
function giveName(
  jail: Jail,
  parent: Entry,
  draft: PathBytes,
  { name, path }: Place,
  overwrite: boolean,
): void {
  const from = entryPath(parent.fd, draft);
  const to = entryPath(parent.fd, name);
  try {
    if (overwrite) renameSync(from, to);
    else linkSync(from, to);
  } catch (error) {
    if (!overwrite && errnoOf(error) === 'EEXIST') throw alreadyThere(jail, path);
    throw error;
  }
}

/** A file that is replaced keeps its owner where the runner may give files away. */
function keepOwner(fd: number, replaced: Entry | undefined): void {
  if (replaced === undefined) return;
  const { uid, gid } = replaced.stats;
  const now = fstatSync(fd);
  if (now.uid === uid && now.gid === gid) return;
  try {
    fchownSync(fd, uid, gid);
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error;
  }
}

function defaultMode(parent: Entry, replaced: Entry | undefined): number {
  return replaced === undefined ? newMode(0o666, parent) : replaced.stats.mode & 0o777;
}
