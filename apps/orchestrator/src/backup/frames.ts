// The file of a backup: a line that says what it is, then compressed frames with sums over them.
import { createHash, type Hash } from 'node:crypto';
import { RivetError } from '@rivet/base';

/** The file begins with it; another format would have another number. */
export const MAGIC = Buffer.from('rivet backup 1\n');

/**
 * `header`: JSON of BackupHeader. For each of its tables in order `rows` (text of COPY, cut
 * anywhere) and one `table` (JSON of TableSum). At the end one `end` (JSON of EndSum).
 */
export type FrameKind = keyof typeof KINDS;

const KINDS = { header: 1, rows: 2, table: 3, end: 4 } as const;
const NAMES = new Map(Object.entries(KINDS).map(([name, kind]) => [kind, name as FrameKind]));

/** Kind and length stand before the content of a frame. */
const HEAD_BYTES = 5;
/** Longer ones are no frames of ours: nothing as large is kept in memory. */
const FRAME_BYTES_MAX = 16 * 1024 ** 2;

export interface TableSum {
  readonly name: string;
  readonly rows: number;
  readonly sha256: string;
}

/** Over everything before it: whoever finds it right has the whole file. */
export interface EndSum {
  readonly rows: number;
  readonly sha256: string;
}

export interface Frame {
  readonly kind: FrameKind;
  readonly content: Buffer;
}

/** Its bytes in the file, before they are compressed. */
export function encodeFrame({ kind, content }: Frame): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(KINDS[kind], 0);
  head.writeUInt32BE(content.length, 1);
  return Buffer.concat([head, content]);
}

/** A sum over frames as they come. */
export function newSum(): Hash {
  return createHash('sha256');
}

/**
 * Cuts a stream of bytes into frames.
 * @param path for messages
 * @throws RIVET_BACKUP_DAMAGED
 */
export async function* decodeFrames(
  bytes: AsyncIterable<Buffer>,
  path: string,
): AsyncGenerator<Frame> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of bytes) {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    while (rest.length >= HEAD_BYTES) {
      const kind = NAMES.get(rest.readUInt8(0) as never);
      const length = rest.readUInt32BE(1);
      if (kind === undefined || length > FRAME_BYTES_MAX) {
        throw RivetError.of('RIVET_BACKUP_DAMAGED', { path, reason: 'it holds what is no frame' });
      }
      if (rest.length < HEAD_BYTES + length) break;
      yield { kind, content: rest.subarray(HEAD_BYTES, HEAD_BYTES + length) };
      rest = rest.subarray(HEAD_BYTES + length);
    }
  }
  if (rest.length > 0)
    throw RivetError.of('RIVET_BACKUP_DAMAGED', { path, reason: 'it is cut off' });
}
