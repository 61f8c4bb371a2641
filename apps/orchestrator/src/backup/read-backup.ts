// Reads a backup frame by frame, and holds every sum against what it sums up.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createZstdDecompress, zstdDecompressSync } from 'node:zlib';
import { describeThrown, isRivetError, RivetError } from '@rivet/base';
import type { BackupHeader, BackupTable, RestoreSource } from '@rivet/store';
import {
  decodeFrames,
  type EndSum,
  encodeFrame,
  type Frame,
  MAGIC,
  newSum,
  type TableSum,
} from './frames.ts';
import { countLines } from './write-backup.ts';

/** A compressed frame without content takes 13 bytes. */
const REST_BYTES_MAX = 13;

export interface BackupFile extends RestoreSource {
  /** Stops reading. */
  close(): Promise<void>;
}

/**
 * Opens the file and reads what must be known first.
 * @throws RIVET_BACKUP_UNREADABLE, RIVET_BACKUP_NOT_ONE, RIVET_BACKUP_DAMAGED
 */
export async function openBackup(path: string): Promise<BackupFile> {
  await checkMagic(path);
  const frames = decodeFrames(unpacked(path), path);
  const damaged = (reason: string): RivetError =>
    RivetError.of('RIVET_BACKUP_DAMAGED', { path, reason });
  const sum = newSum();
  const next = async (): Promise<Frame> => {
    const { value, done } = await frames.next();
    if (done === true) throw damaged('it is cut off');
    return value;
  };
  const counted = (frame: Frame): Frame => {
    sum.update(encodeFrame(frame));
    return frame;
  };
  const first = counted(await next());
  if (first.kind !== 'header') throw damaged('it does not begin with a header');
  const header = parse<BackupHeader>(first);

  async function* tableRows(table: BackupTable): AsyncGenerator<Buffer, number> {
    const tableSum = newSum();
    let rows = 0;
    for (;;) {
      const frame = counted(await next());
      if (frame.kind === 'table') {
        const told = parse<TableSum>(frame);
        const found = { name: table.name, rows, sha256: tableSum.digest('hex') };
        if (told.name === found.name && told.rows === rows && told.sha256 === found.sha256) {
          return rows;
        }
        throw damaged(`the rows of ${table.name} are not those that were written`);
      }
      if (frame.kind !== 'rows') throw damaged(`the rows of ${table.name} are not there`);
      tableSum.update(frame.content);
      rows += countLines(frame.content);
      yield frame.content;
    }
  }

  function parse<T>({ content }: Frame): T {
    try {
      return JSON.parse(content.toString('utf8')) as T;
    } catch {
      throw damaged('it holds what is no JSON');
    }
  }

  return {
    path,
    header,
    async *tables() {
      for (const table of header.tables) {
        const rows = tableRows(table);
        yield { table, rows };
        // Of a table that nobody has read to its end.
        for await (const _ of rows);
      }
      const wanted = sum.digest('hex');
      const end = await next();
      const told = end.kind === 'end' ? parse<EndSum>(end).sha256 : undefined;
      if (told !== wanted) throw damaged('its sum is not that of what it holds');
      if ((await frames.next()).done !== true) throw damaged('something follows its end');
    },
    close: async () => void (await frames.return(undefined)),
  };
}

/** Reads the whole file and keeps nothing; gives the number of rows. */
export async function checkBackup(path: string): Promise<number> {
  const file = await openBackup(path);
  let count = 0;
  for await (const { rows } of file.tables()) {
    for await (const piece of rows) count += countLines(Buffer.from(piece));
  }
  return count;
}

async function checkMagic(path: string): Promise<void> {
  const begin = Buffer.alloc(MAGIC.length);
  try {
    const file = await open(path, 'r');
    try {
      await file.read(begin, 0, begin.length, 0);
    } finally {
      await file.close();
    }
  } catch (error) {
    const reason = describeThrown(error);
    throw RivetError.of('RIVET_BACKUP_UNREADABLE', { path, reason }, error);
  }
  if (begin.equals(MAGIC)) return;
  const reason = begin.toString('latin1').startsWith('rivet backup ')
    ? 'it has a format of a newer version'
    : 'it does not begin like one';
  throw RivetError.of('RIVET_BACKUP_NOT_ONE', { path, reason });
}

async function* unpacked(path: string): AsyncGenerator<Buffer> {
  const unpacker = createZstdDecompress();
  pipeline(createReadStream(path, { start: MAGIC.length }), unpacker, () => undefined);
  try {
    yield* unpacker as AsyncIterable<Buffer>;
    await checkRest(path, MAGIC.length + unpacker.bytesWritten);
  } catch (error) {
    if (isRivetError(error)) throw error;
    const reason = describeThrown(error);
    throw RivetError.of('RIVET_BACKUP_DAMAGED', { path, reason }, error);
  }
}

/**
 * Node stops at the end of the first compressed frame and says nothing of what follows. A second
 * one without content may: Node writes it where the first has just filled its buffer.
 * @throws when there is anything else
 */
async function checkRest(path: string, position: number): Promise<void> {
  const file = await open(path, 'r');
  try {
    const rest = Buffer.alloc(REST_BYTES_MAX + 1);
    const { bytesRead } = await file.read(rest, 0, rest.length, position);
    if (bytesRead === 0) return;
    if (bytesRead <= REST_BYTES_MAX) {
      if (zstdDecompressSync(rest.subarray(0, bytesRead)).length === 0) return;
    }
    throw RivetError.of('RIVET_BACKUP_DAMAGED', { path, reason: 'something follows its end' });
  } finally {
    await file.close();
  }
}
