// Finds places in the workspace for the host without ever leaving it, whatever containers do to its
// directories and links at the same time.
import { constants, fstatSync, readlinkSync, type Stats } from 'node:fs';
import { describeThrown, didYouMean, isRivetError, RivetError } from '@rivet/base';
import { errnoOf, type FsCall, fsFailure } from './fs-failure.ts';
import { entryPath, Handles, O_PATH } from './handles.ts';
import { makeOneDirectory } from './make-directory.ts';
import { readNames } from './read-directory.ts';
import { type PathBytes, pathText, showPath, splitPath } from './script-path.ts';

/** Directories in each other; each is an open descriptor while a call works in it. */
const DEPTH_MAX = 128;
const LINKS_MAX = 40;

export type EntryKind = 'file' | 'directory' | 'link' | 'fifo' | 'socket' | 'device';

/** Something that is there, held by a descriptor: it stays this one even when it is renamed. */
export interface Entry {
  /** Opened with O_PATH. */
  readonly fd: number;
  readonly stats: Stats;
  readonly kind: EntryKind;
}

/** A name in a directory of the workspace, whether something is there or not. */
export interface Place {
  /** From the workspace, without links; `.` for the workspace itself. */
  readonly path: PathBytes;
  /** The directory that the name is in; undefined for the workspace itself. */
  readonly parent: Entry | undefined;
  readonly name: PathBytes;
  readonly entry: Entry | undefined;
  /** The directories from the workspace to the parent, in this order. */
  readonly above: readonly Entry[];
}

export interface ResolveOptions {
  /** Whether a link at the end is followed. */
  readonly follow: boolean;
  /** Whether missing directories before the last name are made. */
  readonly parents?: boolean;
}

interface Step {
  readonly entry: Entry;
  readonly name: PathBytes;
}

const OPEN_PLACE = O_PATH | constants.O_NOFOLLOW;

/**
 * One call's view of the workspace. Each component of a path is opened on its own, relative to the
 * open directory before it and never through a link; links are read and followed here, as far as
 * they stay inside. `..` goes back to the directory that the walk came through, not to where that
 * directory may have been moved to. No path is ever looked up twice.
 */
export class Jail {
  readonly call: FsCall;
  readonly handles: Handles;
  /** Directories in each other that a walk may enter. */
  readonly depthMax = DEPTH_MAX;
  readonly #root: Entry;

  constructor(call: FsCall, handles: Handles) {
    this.call = call;
    this.handles = handles;
    try {
      this.#root = entryOf(handles.open(call.workspace, O_PATH | constants.O_DIRECTORY));
    } catch (error) {
      const reason = `the workspace cannot be opened: ${describeThrown(error)}`;
      const where = { function: call.function, path: showPath('/workspace') };
      throw RivetError.of('RIVET_FS_FAILED', { ...where, reason }, error);
    }
  }

  /**
   * Finds a place. What is missing is an error unless it is the last name.
   * @throws RIVET_FS_OUTSIDE, RIVET_FS_NOT_FOUND, RIVET_FS_TYPE, RIVET_FS_LINKS, RIVET_FS_PATH
   */
  resolve(path: PathBytes, options: ResolveOptions): Place {
    const trail: Step[] = [];
    const pending = this.#split(path, path).reverse();
    let links = 0;
    let through = '';
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '..') {
        const left = trail.pop();
        if (left === undefined) throw this.#outside(path, through);
        this.handles.close(left.entry.fd);
        continue;
      }
      const last = pending.length === 0;
      const parent = trail.at(-1)?.entry ?? this.#root;
      const entry = this.#find(parent, name, trail, options.parents === true && !last);
      if (entry?.kind === 'link' && (!last || options.follow)) {
        links += 1;
        if (links > LINKS_MAX) {
          throw RivetError.of('RIVET_FS_LINKS', { ...this.#where(path), limit: LINKS_MAX });
        }
        const link = this.#readLink(parent, name, trail);
        through = `: the link ${showPath(link.path)} leads to ${showPath(link.target)}`;
        pending.push(...this.#split(path, link.target, through).reverse());
        if (link.target.startsWith('/')) {
          for (const step of trail.splice(0)) this.handles.close(step.entry.fd);
        }
        this.handles.close(entry.fd);
        continue;
      }
      if (last) return place(this.#root, trail, name, entry);
      if (entry === undefined) throw this.#notFound(parent, pathOf(trail, name), name);
      if (entry.kind !== 'directory') {
        throw wrongKind(this.call, pathOf(trail, name), entry, 'a directory');
      }
      if (trail.length >= DEPTH_MAX) throw this.tooDeep(path);
      trail.push({ entry, name });
    }
    const step = trail.pop();
    if (step === undefined) {
      return { path: '.', parent: undefined, name: '.', entry: this.#root, above: [] };
    }
    return place(this.#root, trail, step.name, step.entry);
  }

  /** Like `resolve`, for something that must be there. */
  find(path: PathBytes, options: ResolveOptions): Place & { readonly entry: Entry } {
    const found = this.resolve(path, options);
    if (found.entry === undefined) {
      throw this.#notFound(found.parent, found.path, found.name);
    }
    return { ...found, entry: found.entry };
  }

  /** Like `resolve`; undefined when something before the last name is missing. */
  look(path: PathBytes, options: ResolveOptions): Place | undefined {
    try {
      return this.resolve(path, options);
    } catch (error) {
      if (isRivetError(error, 'RIVET_FS_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /**
   * An entry of a directory that is open; undefined when nothing has this name.
   * @param path of the entry, for messages
   */
  lookup(directory: Entry, name: PathBytes, path: PathBytes): Entry | undefined {
    try {
      return entryOf(this.handles.open(entryPath(directory.fd, name), OPEN_PLACE));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw fsFailure(error, this.call, path, directory.stats);
    }
  }

  tooDeep(path: PathBytes): RivetError {
    const reason = `it leads through more than ${DEPTH_MAX} directories`;
    return RivetError.of('RIVET_FS_PATH', { ...this.#where(path), reason });
  }

  #find(parent: Entry, name: PathBytes, trail: readonly Step[], make: boolean): Entry | undefined {
    const path = pathOf(trail, name);
    const there = this.lookup(parent, name, path);
    if (there !== undefined || !make) return there;
    return makeOneDirectory(this, parent, name, path);
  }

  #readLink(
    parent: Entry,
    name: PathBytes,
    trail: readonly Step[],
  ): { readonly path: PathBytes; readonly target: PathBytes } {
    const path = pathOf(trail, name);
    try {
      return { path, target: readlinkSync(entryPath(parent.fd, name), 'latin1') };
    } catch (error) {
      throw fsFailure(error, this.call, path);
    }
  }

  /** An absolute target starts again at the workspace. */
  #split(path: PathBytes, target: PathBytes, through = ''): string[] {
    const components = splitPath(this.call.function, target);
    if (components === undefined) throw this.#outside(path, through);
    return components;
  }

  #outside(path: PathBytes, through: string): RivetError {
    return RivetError.of('RIVET_FS_OUTSIDE', { ...this.#where(path), through });
  }

  #notFound(parent: Entry | undefined, path: PathBytes, name: PathBytes): RivetError {
    const names = parent === undefined ? [] : readNames(parent.fd, 1000);
    const nearest = didYouMean(pathText(name), names.map(pathText));
    return RivetError.of('RIVET_FS_NOT_FOUND', { ...this.#where(path), nearest });
  }

  #where(path: PathBytes): { function: string; path: string } {
    return { function: this.call.function, path: showPath(path) };
  }
}

/** Runs an action in the workspace and closes whatever it has opened. */
export async function inJail<T>(call: FsCall, action: (jail: Jail) => Promise<T> | T): Promise<T> {
  const handles = new Handles();
  try {
    return await action(new Jail(call, handles));
  } finally {
    handles.closeAll();
  }
}

/** What stands where something else was expected. */
export function wrongKind(
  call: FsCall,
  path: PathBytes,
  { kind }: Entry,
  expected: string,
): RivetError {
  const found = kind === 'fifo' ? 'a named pipe' : `a ${kind}`;
  const where = { function: call.function, path: showPath(path) };
  return RivetError.of('RIVET_FS_TYPE', { ...where, found, expected });
}

function entryOf(fd: number): Entry {
  const stats = fstatSync(fd);
  return { fd, stats, kind: kindOf(stats) };
}

function kindOf(stats: Stats): EntryKind {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'link';
  if (stats.isFIFO()) return 'fifo';
  return stats.isSocket() ? 'socket' : 'device';
}

function pathOf(trail: readonly Step[], name: PathBytes): PathBytes {
  return [...trail.map((step) => step.name), name].join('/');
}

function place(
  root: Entry,
  trail: readonly Step[],
  name: PathBytes,
  entry: Entry | undefined,
): Place {
  const above = [root, ...trail.map((step) => step.entry)];
  return { path: pathOf(trail, name), parent: above.at(-1), name, entry, above };
}
