// Reads a pipeline from disk: its main file and the files that it requires.
import { constants } from 'node:fs';
import { access, open, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { RivetError } from '@rivet/base';
import type { PipelineBundle } from '@rivet/protocol';
import { BUNDLE_BYTES_MAX, BUNDLE_FILES_MAX, SOURCE_BYTES_MAX, tooLarge } from './bundle-limits.ts';
import { requiredNames } from './required-names.ts';
import { decodeSource } from './source-text.ts';

/**
 * Reads a pipeline file and the files below its folder that it reaches through `require("a.b")`:
 * `a/b.lua` or `a/b/init.lua`. `main` is the file's base name. CRLF becomes LF and a byte order
 * mark is dropped. A name without a file is left out: `require` says so where it is called.
 * @throws RIVET_PIPELINE_FILE_NOT_FOUND, RIVET_PIPELINE_FILE_UNREADABLE,
 * RIVET_PIPELINE_FILE_NOT_TEXT,
 *   RIVET_PIPELINE_FILE_OUTSIDE (a link that leaves the folder), RIVET_PIPELINE_TOO_LARGE
 */
export async function readBundle(path: string): Promise<PipelineBundle> {
  const mainPath = await resolvedPath(path);
  const mainText = await readSource(mainPath, path);
  const folder = await realpath(dirname(path));
  const main = basename(path);
  const files = new Map([[main, mainText]]);
  let bytes = Buffer.byteLength(mainText);
  const waiting = requiredNames(mainText);
  const seen = new Set(waiting);
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const found = await findModule(folder, name);
    if (found === undefined || files.has(found.key)) continue;
    const text = await readSource(found.path, join(folder, found.key));
    files.set(found.key, text);
    bytes += Buffer.byteLength(text);
    if (bytes > BUNDLE_BYTES_MAX) {
      throw tooLarge(`the bundle of ${path} (with ${found.key})`, bytes, BUNDLE_BYTES_MAX);
    }
    if (files.size > BUNDLE_FILES_MAX) throw tooManyFiles(path, files.size);
    for (const next of requiredNames(text)) {
      if (!seen.has(next)) waiting.push(next);
      seen.add(next);
    }
  }
  return { main, files: Object.fromEntries(files) };
}

/** Where the file really lies: the path that was typed may be a link. */
async function resolvedPath(path: string): Promise<string> {
  if (path.includes('\0')) throw unreadable(JSON.stringify(path), 'its name has a zero byte');
  try {
    return await realpath(path);
  } catch (error) {
    throw readFailure(path, error);
  }
}

/** The file of a module inside of `folder`, and its path in the bundle. */
async function findModule(
  folder: string,
  name: string,
): Promise<{ key: string; path: string } | undefined> {
  const stem = name.replaceAll('.', '/');
  for (const key of [`${stem}.lua`, `${stem}/init.lua`]) {
    const path = await realpath(join(folder, key)).catch(() => undefined);
    if (path === undefined) continue;
    const inside = relative(folder, path);
    if (inside === '..' || inside.startsWith(`..${sep}`)) {
      throw RivetError.of('RIVET_PIPELINE_FILE_OUTSIDE', { path: key, target: path, folder });
    }
    return { key, path };
  }
  return undefined;
}

/** Reads one file that no link stands in for any more; `shown` is how the person knows it. */
async function readSource(path: string, shown: string): Promise<string> {
  // NONBLOCK: opening a named pipe would wait for a writer for ever.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: unknown) => {
    throw readFailure(shown, error);
  });
  try {
    const stats = await file.stat();
    if (stats.isDirectory()) throw await directoryError(shown);
    if (!stats.isFile()) throw unreadable(shown, 'it is not a regular file');
    if (stats.size > SOURCE_BYTES_MAX) throw tooLarge(shown, stats.size, SOURCE_BYTES_MAX);
    const buffer = Buffer.alloc(SOURCE_BYTES_MAX + 1);
    let length = 0;
    // A file may grow while it is read, so the size above is not yet the answer.
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = (await file.read(buffer, length, buffer.length - length)).bytesRead;
    }
    if (length > SOURCE_BYTES_MAX) throw tooLarge(shown, length, SOURCE_BYTES_MAX);
    const source = decodeSource(buffer.subarray(0, length));
    if (source.ok) return source.text;
    throw RivetError.of('RIVET_PIPELINE_FILE_NOT_TEXT', { path: shown, problem: source.problem });
  } finally {
    await file.close();
  }
}

async function directoryError(path: string): Promise<RivetError> {
  const inside = join(path, 'pipeline.lua');
  const there = await access(inside).then(
    () => true,
    () => false,
  );
  return there
    ? unreadable(path, 'it is a directory', `Give the path of the file in it: ${inside}`)
    : unreadable(path, 'it is a directory');
}

function unreadable(path: string, reason: string, hint?: string): RivetError {
  return RivetError.of('RIVET_PIPELINE_FILE_UNREADABLE', { path, reason, hint });
}

function tooManyFiles(path: string, count: number): RivetError {
  return RivetError.of('RIVET_PIPELINE_TOO_LARGE', {
    what: `the bundle of ${path}`,
    found: `${count} files`,
    limit: `${BUNDLE_FILES_MAX} files`,
  });
}

const READ_FAILURES: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'its links go round in a circle',
  ENAMETOOLONG: 'the path is too long',
  EMFILE: 'too many files are open',
  EIO: 'the disk failed to read it',
  ENXIO: 'it is not a regular file',
};

function readFailure(path: string, error: unknown): RivetError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return RivetError.of('RIVET_PIPELINE_FILE_NOT_FOUND', { path }, error);
  }
  return RivetError.of(
    'RIVET_PIPELINE_FILE_UNREADABLE',
    { path, reason: READ_FAILURES[code] ?? code },
    error,
  );
}
