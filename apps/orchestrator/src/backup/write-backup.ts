// Writes a backup: the file appears under its name when all of it is on the disk.
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { access, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, type ZstdCompress } from 'node:zlib';
import { describeThrown, isRivetError, RivetError, syncDirectory } from '@rivet/base';
import { type BackupTable, type Database, readAll } from '@rivet/store';
import {
  type EndSum,
  encodeFrame,
  type FrameKind,
  MAGIC,
  newSum,
  type TableSum,
} from './frames.ts';

export interface BackupResult {
  readonly rows: number;
  readonly tables: number;
  readonly bytes: number;
}

/** Rows are cut into frames of this size at most. */
const ROWS_BYTES_MAX = 1024 ** 2;
const NEWLINE = 0x0a;

/**
 * Writes all that is in the database to a new file that only its owner can read.
 * @param signal gives up, leaves no file and throws its reason
 * @throws RIVET_BACKUP_EXISTS, RIVET_BACKUP_UNREADABLE, and what the database says
 */
export async function writeBackup(
  database: Database,
  path: string,
  signal: AbortSignal,
): Promise<BackupResult> {
  const there = await access(path).then(
    () => true,
    () => false,
  );
  if (there) throw RivetError.of('RIVET_BACKUP_EXISTS', { path });
  const partial = `${path}.${process.pid}.partial`;
  try {
    const sums = await write(database, partial, signal);
    const { size } = await stat(partial);
    await rename(partial, path);
    await syncDirectory(dirname(path));
    return { ...sums, bytes: size };
  } catch (error) {
    const { syscall } = error as NodeJS.ErrnoException;
    if (isRivetError(error) || syscall === undefined) throw error;
    throw RivetError.of('RIVET_BACKUP_UNREADABLE', { path, reason: describeThrown(error) }, error);
  } finally {
    await rm(partial, { force: true });
  }
}

async function write(
  database: Database,
  path: string,
  signal: AbortSignal,
): Promise<{ rows: number; tables: number }> {
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true });
  file.write(MAGIC);
  const packer = createZstdCompress({ params: { [constants.ZSTD_c_checksumFlag]: 1 } });
  const written = pipeline(packer, file);
  const frames = new FrameWriter(packer);
  let rows = 0;
  let tables = 0;
  try {
    const reading = readAll(database, {
      header: (header) => frames.write('header', JSON.stringify(header)),
      async table(table, pieces) {
        rows += await writeTable(frames, table, pieces);
        tables += 1;
      },
    });
    reading.catch(() => undefined);
    // A file that cannot be written ends it at once, whatever the database does.
    await Promise.race([reading, rejection(signal), written.then(() => reading)]);
    const end: EndSum = { rows, sha256: frames.sum() };
    await frames.write('end', JSON.stringify(end));
    packer.end();
    await written;
    return { rows, tables };
  } catch (error) {
    packer.destroy(error as Error);
    await written.catch(() => undefined);
    throw error;
  }
}

/** Rejects with the reason of the signal. */
export function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

async function writeTable(
  frames: FrameWriter,
  { name }: BackupTable,
  pieces: AsyncIterable<Buffer>,
): Promise<number> {
  const sum = newSum();
  let rows = 0;
  for await (const piece of pieces) {
    sum.update(piece);
    // A line is a row: in PostgreSQL's format, what is in a value is escaped.
    rows += countLines(piece);
    for (let at = 0; at < piece.length; at += ROWS_BYTES_MAX) {
      await frames.write('rows', piece.subarray(at, at + ROWS_BYTES_MAX));
    }
  }
  const told: TableSum = { name, rows, sha256: sum.digest('hex') };
  await frames.write('table', JSON.stringify(told));
  return rows;
}

/** Lines that end in these bytes. */
export function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}

class FrameWriter {
  readonly #packer: ZstdCompress;
  readonly #sum = newSum();

  constructor(packer: ZstdCompress) {
    this.#packer = packer;
  }

  /** Over the frames until now. */
  sum(): string {
    return this.#sum.copy().digest('hex');
  }

  async write(kind: FrameKind, content: string | Buffer): Promise<void> {
    const bytes = encodeFrame({ kind, content: Buffer.from(content) });
    this.#sum.update(bytes);
    if (this.#packer.destroyed) throw new Error('nothing more is written');
    if (!this.#packer.write(bytes)) await once(this.#packer, 'drain');
  }
}
