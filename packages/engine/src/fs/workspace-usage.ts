// How much room the workspace takes on the disk, measured rarely enough to cost next to nothing.
import { lstatSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { isRivetError } from '@rivet/base';
import { errnoOf, type FsCall } from './fs-failure.ts';
import { entryPath } from './handles.ts';
import { type Entry, inJail, type Jail } from './jail.ts';
import { readDirectory, treeBudget } from './read-directory.ts';
import type { PathBytes } from './script-path.ts';

/** A measurement is good for so long, and for so many times as long as it took. */
const FRESH_MS = 5000;
const FRESH_FACTOR = 20;
/** Work at a time before others get their turn. */
const SLICE_MS = 5;

export interface WorkspaceUsage {
  /**
   * Bytes on the disk: a measurement that is not old, and what the `fs` module has added since.
   * What commands in containers have written since is not in it.
   */
  current(): Promise<number>;
  /** Like `current`, as it is now. */
  measure(): Promise<number>;
  /** When the next measurement is worth its time, in milliseconds from now. */
  readonly waitMs: number;
  /** Counts what the `fs` module writes, until the next measurement does. */
  add(bytes: number): void;
}

export function createWorkspaceUsage(call: FsCall): WorkspaceUsage {
  let measured = 0;
  let added = 0;
  let goodUntil = 0;
  let running: Promise<number> | undefined;
  const measure = async (): Promise<number> => {
    const started = performance.now();
    added = 0;
    measured = await inJail(call, (jail) => measureTree(jail));
    const now = performance.now();
    goodUntil = now + Math.max(FRESH_MS, (now - started) * FRESH_FACTOR);
    return measured + added;
  };
  const once = (): Promise<number> => {
    running ??= measure().finally(() => {
      running = undefined;
    });
    return running;
  };
  return {
    async current() {
      return performance.now() < goodUntil ? measured + added : await once();
    },
    measure: once,
    get waitMs() {
      return Math.max(FRESH_MS, goodUntil - performance.now());
    },
    add(bytes) {
      added += bytes;
    },
  };
}

interface Measurement {
  bytes: number;
  /** Files with several names, counted once. */
  readonly seen: Set<string>;
  sliceEnds: number;
}

/** Blocks of all files and directories; what the runner may not look into counts nothing. */
async function measureTree(jail: Jail): Promise<number> {
  const root = jail.find('.', { follow: true });
  const budget = treeBudget();
  const measurement: Measurement = { bytes: 0, seen: new Set(), sliceEnds: sliceEnd() };
  const visit = async (directory: Entry, path: PathBytes, depth: number): Promise<void> => {
    for (const found of await readDirectory(jail.call, directory, path, budget)) {
      count(measurement, directory, found.name);
      if (performance.now() > measurement.sliceEnds) {
        await setImmediate();
        measurement.sliceEnds = sliceEnd();
      }
      if (!found.directory) continue;
      const entry = jail.lookup(directory, found.name, found.path);
      if (entry === undefined) continue;
      if (entry.kind === 'directory') {
        if (depth === 0) throw jail.tooDeep(found.path);
        await unlessClosed(() => visit(entry, found.path, depth - 1));
      }
      jail.handles.close(entry.fd);
    }
  };
  await visit(root.entry, '.', jail.depthMax);
  return measurement.bytes;
}

function count(measurement: Measurement, directory: Entry, name: PathBytes): void {
  try {
    const stats = lstatSync(entryPath(directory.fd, name));
    if (stats.nlink > 1 && !stats.isDirectory()) {
      const id = `${stats.dev}:${stats.ino}`;
      if (measurement.seen.has(id)) return;
      measurement.seen.add(id);
    }
    measurement.bytes += stats.blocks * 512;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'EACCES') throw error;
  }
}

async function unlessClosed(visit: () => Promise<void>): Promise<void> {
  try {
    await visit();
  } catch (error) {
    if (!isRivetError(error) || error.code !== 'RIVET_FS_ACCESS') throw error;
  }
}

function sliceEnd(): number {
  return performance.now() + SLICE_MS;
}
