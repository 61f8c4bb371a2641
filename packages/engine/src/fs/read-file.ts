// fs.read and fs.sha256: the content of a file, and its digest.
import { createHash } from 'node:crypto';
import { read } from 'node:fs';
import { promisify } from 'node:util';
import { formatSize, RivetError } from '@rivet/base';
import { fsFailure } from './fs-failure.ts';
import type { Jail } from './jail.ts';
import { openFile } from './open-file.ts';
import { type PathBytes, showPath } from './script-path.ts';

const readBytes = promisify(read);

/** What a script may have of a file in one call. A frame to the Lua process must hold it. */
export const READ_BYTES_MAX = 10 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;

export interface ReadOptions {
  /** Bytes to skip; below zero counted from the end. */
  readonly offset: number;
  /** At most so many bytes; undefined for the rest of the file. */
  readonly length: number | undefined;
  /** More bytes than this are an error. */
  readonly max: number;
}

/**
 * The bytes of a file or of a part of it.
 * @throws RIVET_FS_TOO_LARGE, and what `Jail.find` and `openFile` raise
 */
export async function readFile(
  jail: Jail,
  path: PathBytes,
  { offset, length, max }: ReadOptions,
): Promise<Buffer> {
  const place = jail.find(path, { follow: true });
  const { fd, stats } = openFile(jail, place.path, place.entry);
  const from = offset < 0 ? Math.max(0, stats.size + offset) : offset;
  const rest = Math.max(0, stats.size - from);
  // What is appended meanwhile is not part of it.
  const wanted = Math.min(length ?? rest, rest);
  if (wanted > max) throw tooLarge(jail, place.path, wanted, max);
  const buffer = Buffer.alloc(wanted);
  let filled = 0;
  while (filled < wanted) {
    jail.call.signal.throwIfAborted();
    const count = await readChunk(jail, place.path, fd, buffer, filled, from + filled);
    if (count === 0) break;
    filled += count;
  }
  return buffer.subarray(0, filled);
}

/** Reads up to a chunk into `buffer` at `filled`; 0 at the end of the file. */
async function readChunk(
  jail: Jail,
  path: PathBytes,
  fd: number,
  buffer: Buffer,
  filled: number,
  position: number,
): Promise<number> {
  const length = Math.min(CHUNK_BYTES, buffer.length - filled);
  try {
    return (await readBytes(fd, buffer, filled, length, position)).bytesRead;
  } catch (error) {
    throw fsFailure(error, jail.call, path);
  }
}

/** The chunks of a file from its beginning, until it ends; the buffer is used again. */
export async function* readChunks(
  jail: Jail,
  path: PathBytes,
  fd: number,
): AsyncGenerator<Buffer, void, void> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let position = 0; ; ) {
    jail.call.signal.throwIfAborted();
    const count = await readChunk(jail, path, fd, buffer, 0, position);
    if (count === 0) return;
    yield buffer.subarray(0, count);
    position += count;
  }
}

/** SHA-256 of a file of any size, as 64 hexadecimal digits. */
export async function hashFile(jail: Jail, path: PathBytes): Promise<string> {
  const place = jail.find(path, { follow: true });
  const { fd } = openFile(jail, place.path, place.entry);
  const hash = createHash('sha256');
  for await (const chunk of readChunks(jail, place.path, fd)) hash.update(chunk);
  return hash.digest('hex');
}

function tooLarge(jail: Jail, path: PathBytes, found: number, max: number): RivetError {
  return RivetError.of('RIVET_FS_TOO_LARGE', {
    function: jail.call.function,
    path: showPath(path),
    found: formatSize(found),
    limit: formatSize(max),
  });
}
