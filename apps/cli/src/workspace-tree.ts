// Fills a workspace with a copy of a directory: what git would see, or everything where there is no
// git.
import { constants, type Stats } from 'node:fs';
import { copyFile, lstat, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Environment } from './config.ts';
import { gitFiles } from './git-files.ts';

/** What was copied, and what could not be part of a workspace. */
export interface CopiedTree {
  readonly files: number;
  readonly bytes: number;
  /** Sockets, pipes and devices that were left out, by path. */
  readonly skipped: readonly string[];
  /** Whether git chose the files. */
  readonly git: boolean;
}

interface Copy {
  readonly source: Buffer;
  readonly target: Buffer;
  readonly env: Environment;
  readonly signal: AbortSignal;
  /** Directories made already, as latin1 text so that any bytes are a key. */
  readonly made: Set<string>;
  /** Whether a directory of the source is one and no link, by path as latin1 text. */
  readonly real: Map<string, Promise<boolean>>;
  /** Device and inode of the target, which must not be copied into itself. */
  readonly targetId: string;
  files: number;
  bytes: number;
  skipped: string[];
}

const PARALLEL = 16;

/**
 * Copies the files of `source` into the existing directory `target`: in a git work tree those that
 * are tracked or untracked but not ignored, elsewhere all. Links stay links, modes are kept. Names
 * may be any bytes.
 * @throws RIVET_CLI_TREE_FAILED, errors of the file system, or the reason of `signal`
 */
export async function copyTree(
  source: string,
  target: string,
  env: Environment,
  signal: AbortSignal,
): Promise<CopiedTree> {
  const copy: Copy = {
    source: Buffer.from(source),
    target: Buffer.from(target),
    env,
    signal,
    made: new Set(['']),
    real: new Map([['', Promise.resolve(true)]]),
    targetId: identity(await lstat(target)),
    files: 0,
    bytes: 0,
    skipped: [],
  };
  const git = await copyDirectory(Buffer.alloc(0), copy);
  return { files: copy.files, bytes: copy.bytes, skipped: copy.skipped, git };
}

/** Copies a directory and what is below it; whether git chose the files. */
async function copyDirectory(path: Buffer, copy: Copy): Promise<boolean> {
  const listed = await gitFiles(join(copy.source, path), copy.env, copy.signal);
  if (listed === undefined) {
    await copyEverything(path, copy);
    return false;
  }
  await inParallel(listed, (name) => copyEntry(join(path, name), copy));
  return true;
}

/** Without git: walks the directories, and keeps the empty ones. */
async function copyEverything(path: Buffer, copy: Copy): Promise<void> {
  const directory = join(copy.source, path);
  const entries = await readdir(directory, { withFileTypes: true, encoding: 'buffer' });
  await makeDirectory(path, copy);
  await inParallel(entries, async (entry) => {
    const child = join(path, entry.name);
    if (!entry.isDirectory()) return await copyEntry(child, copy);
    if (identity(await lstat(join(copy.source, child))) === copy.targetId) return;
    // A repository inside: its own rules say what belongs to it.
    if (await isRepository(join(copy.source, child))) await copyDirectory(child, copy);
    else await copyEverything(child, copy);
  });
}

async function copyEntry(path: Buffer, copy: Copy): Promise<void> {
  copy.signal.throwIfAborted();
  // Git's index may know a file below what is a link by now: following it would leave the tree.
  if (!(await isRealDirectory(parent(path), copy))) return;
  const source = join(copy.source, path);
  const target = join(copy.target, path);
  const stats = await lstat(source).catch(absent);
  // In git's index but deleted from the tree: the tree counts.
  if (stats === undefined) return;
  if (stats.isDirectory()) {
    // Git lists a submodule or a repository inside as one entry.
    if (identity(stats) !== copy.targetId) await copyDirectory(path, copy);
    return;
  }
  await makeDirectory(parent(path), copy);
  if (stats.isSymbolicLink()) {
    await symlink(await readlink(source, 'buffer'), target);
  } else if (stats.isFile()) {
    await copyFile(source, target, constants.COPYFILE_FICLONE);
    copy.bytes += stats.size;
  } else {
    copy.skipped.push(path.toString());
    return;
  }
  copy.files += 1;
}

function isRealDirectory(path: Buffer, copy: Copy): Promise<boolean> {
  const key = path.toString('latin1');
  const known = copy.real.get(key);
  if (known !== undefined) return known;
  const look = async (): Promise<boolean> => {
    if (!(await isRealDirectory(parent(path), copy))) return false;
    const stats = await lstat(join(copy.source, path)).catch(absent);
    return stats?.isDirectory() === true;
  };
  const looked = look();
  copy.real.set(key, looked);
  return looked;
}

async function makeDirectory(path: Buffer, copy: Copy): Promise<void> {
  const key = path.toString('latin1');
  if (copy.made.has(key)) return;
  await mkdir(join(copy.target, path), { recursive: true });
  copy.made.add(key);
}

async function isRepository(directory: Buffer): Promise<boolean> {
  return (await lstat(join(directory, Buffer.from('.git'))).catch(absent)) !== undefined;
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
  throw error;
}

function identity(stats: Stats): string {
  return `${stats.dev}:${stats.ino}`;
}

function join(directory: Buffer, name: Buffer): Buffer {
  if (directory.length === 0) return name;
  return name.length === 0 ? directory : Buffer.concat([directory, Buffer.from('/'), name]);
}

function parent(path: Buffer): Buffer {
  const text = path.toString('latin1');
  const above = dirname(text);
  return Buffer.from(above === '.' ? '' : above, 'latin1');
}

/**
 * Runs `action` for each item, a bounded number at a time; the first error ends it when all under
 * way have ended.
 */
async function inParallel<T>(
  items: readonly T[],
  action: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const work = async (): Promise<void> => {
    while (next < items.length && !failed) {
      const item = items[next] as T;
      next += 1;
      try {
        await action(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(
    Array.from({ length: Math.min(PARALLEL, items.length) }, work),
  );
  const rejected = results.find((result) => result.status === 'rejected');
  if (rejected !== undefined) throw rejected.reason;
}
