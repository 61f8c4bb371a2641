// Reads one Lua file from disk: regular, UTF-8 text, not too large.
import { constants } from 'node:fs';
import { access, open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { RivetError } from '@rivet/base';
import { SOURCE_BYTES_MAX, tooLarge } from './bundle-limits.ts';
import { decodeSource } from './source-text.ts';

/**
 * Where the file really lies: the path that was typed may be a link.
 * @throws RIVET_PIPELINE_FILE_NOT_FOUND, RIVET_PIPELINE_FILE_UNREADABLE
 */
export async function resolvedPath(path: string): Promise<string> {
  if (path.includes('\0')) throw unreadable(JSON.stringify(path), 'its name has a zero byte');
  try {
    return await realpath(path);
  } catch (error) {
    throw readFailure(path, error);
  }
}

/**
 * Reads one file that no link stands in for any more; `shown` is how the person knows it.
 * @throws RIVET_PIPELINE_FILE_NOT_FOUND, RIVET_PIPELINE_FILE_UNREADABLE,
 *   RIVET_PIPELINE_FILE_NOT_TEXT, RIVET_PIPELINE_TOO_LARGE
 */
export async function readSource(path: string, shown: string): Promise<string> {
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
