// Copies what a build may see out of the workspace: whatever containers do to the workspace at the
// same time, Podman, which reads as the runner does, sees nothing else of the machine.
import { chmodSync, mkdirSync, readlinkSync, symlinkSync, utimesSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { fsFailure } from '../fs/fs-failure.ts';
import { entryPath } from '../fs/handles.ts';
import { type Entry, type Jail, wrongKind } from '../fs/jail.ts';
import { openFile } from '../fs/open-file.ts';
import { readDirectory, type TreeBudget, treeBudget } from '../fs/read-directory.ts';
import { readChunks, readFile } from '../fs/read-file.ts';
import type { PathBytes } from '../fs/script-path.ts';

const ENTRIES_A_TURN = 100;
/** Podman reads them by itself, from wherever a link in the context leads to. */
const IGNORE_FILES = ['.containerignore', '.dockerignore'];
const IGNORE_BYTES_MAX = 1024 * 1024;

/** One copy on its way. */
interface Copy {
  readonly jail: Jail;
  readonly budget: TreeBudget;
  entries: number;
  /** Pipes, sockets and devices, which are left out. */
  skipped: number;
}

/**
 * Copies a directory of the workspace to one that only the host sees and that is not there yet.
 * Links stay links: a build looks them up inside the context.
 * @returns how many pipes, sockets and devices were left out
 * @throws RIVET_FS_TYPE, RIVET_FS_ACCESS, RIVET_FS_TOO_MANY, and what `Jail.find` raises
 */
export async function copyContext(jail: Jail, from: PathBytes, to: string): Promise<number> {
  const { entry, path } = jail.find(from, { follow: true });
  if (entry.kind !== 'directory') throw wrongKind(jail.call, path, entry, 'a directory');
  const copy: Copy = { jail, budget: treeBudget(), entries: 0, skipped: 0 };
  await copyDirectory(copy, entry, path, Buffer.from(to), jail.depthMax);
  return copy.skipped;
}

async function copyDirectory(
  copy: Copy,
  directory: Entry,
  path: PathBytes,
  to: Buffer,
  depth: number,
): Promise<void> {
  const { jail } = copy;
  if (depth === 0) throw jail.tooDeep(path);
  mkdirSync(to, 0o700);
  for (const { name, path: at } of await readDirectory(jail.call, directory, path, copy.budget)) {
    copy.entries += 1;
    if (copy.entries % ENTRIES_A_TURN === 0) await setImmediate();
    jail.call.signal.throwIfAborted();
    const entry = jail.lookup(directory, name, at);
    if (entry === undefined) continue;
    const target = Buffer.concat([to, Buffer.from(`/${name}`, 'latin1')]);
    const isIgnoreFile = depth === jail.depthMax && IGNORE_FILES.includes(name);
    if (entry.kind === 'directory') await copyDirectory(copy, entry, at, target, depth - 1);
    else if (entry.kind === 'file') await copyFile(jail, entry, at, target);
    else if (entry.kind === 'link' && isIgnoreFile) await copyText(jail, at, target);
    else if (entry.kind === 'link') copyLink(jail, directory, name, at, target);
    else copy.skipped += 1;
    jail.handles.close(entry.fd);
  }
  chmodSync(to, (directory.stats.mode & 0o777) | 0o700);
  utimesSync(to, directory.stats.mtime, directory.stats.mtime);
}

async function copyFile(jail: Jail, entry: Entry, path: PathBytes, to: Buffer): Promise<void> {
  const { fd, stats } = openFile(jail, path, entry);
  const target = await open(to, 'wx', 0o600);
  try {
    let left = stats.size;
    for await (const chunk of readChunks(jail, path, fd)) {
      // What is appended meanwhile is not part of it.
      const part = chunk.subarray(0, left);
      for (let at = 0; at < part.length; ) {
        at += (await target.write(part, at, part.length - at)).bytesWritten;
      }
      left -= part.length;
      if (left === 0) break;
    }
    await target.chmod(stats.mode & 0o777);
    await target.utimes(stats.mtime, stats.mtime);
  } finally {
    await target.close();
    jail.handles.close(fd);
  }
}

async function copyText(jail: Jail, path: PathBytes, to: Buffer): Promise<void> {
  const text = await readFile(jail, path, { offset: 0, length: undefined, max: IGNORE_BYTES_MAX });
  const target = await open(to, 'wx', 0o600);
  try {
    await target.writeFile(text);
  } finally {
    await target.close();
  }
}

function copyLink(jail: Jail, parent: Entry, name: PathBytes, path: PathBytes, to: Buffer): void {
  try {
    const content = readlinkSync(entryPath(parent.fd, name), 'latin1');
    symlinkSync(Buffer.from(content, 'latin1'), to);
  } catch (error) {
    throw fsFailure(error, jail.call, path, parent.stats);
  }
}
