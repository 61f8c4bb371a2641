// Reads an output file while a command writes it, and hands it on without its end mark.

import { setImmediate } from 'node:timers/promises';
import { formatSize, RivetError, type Wakeup } from '@rivet/base';
import type { OutputFile } from './command-files.ts';

const READ_BYTES_MAX = 64 * 1024;
/** Of an output that is large: fewer reads, of which each goes the whole way to the log. */
const LARGE_READ_BYTES_MAX = 128 * 1024;
/** Shared: what was read is copied before anything else is done. */
const shared = Buffer.allocUnsafe(READ_BYTES_MAX);
const POLL_MS = 250;
/** How often the waiting output is measured, in milliseconds. */
const BACKLOG_INTERVAL_MS = 100;
/**
 * How long output may stand still after the exit before the end mark counts as lost, in
 * milliseconds.
 */
const STALL_MS = 2_000;
/** How long a file is read before everything else has its turn, in milliseconds. */
const TURN_MS = 10;
/**
 * Bytes that can wait in a file: commands are held back long before. A file that is ahead by more
 * has holes, which cost nobody anything but its reader.
 */
const AHEAD_BYTES_MAX = 16 * 1024 ** 3;

export interface FollowOptions {
  readonly file: Pick<OutputFile, 'read' | 'size'>;
  /** Ends the output; its first byte occurs in it once. */
  readonly mark: Buffer;
  /** Is told when there is something to read, and when `state` has changed. */
  readonly wakeup: Wakeup;
  /** `exited`: the mark is on its way. `gone`: nothing comes any more. */
  readonly state: () => 'running' | 'exited' | 'gone';
  /** Is awaited before more is read; the bytes may be overwritten then. */
  readonly sink: (bytes: Uint8Array) => void | Promise<void>;
  /** Told again and again how many bytes wait in the file, also while the sink takes its time. */
  readonly backlog?: (bytes: number) => void;
  /** As STALL_MS; shorter in tests. */
  readonly stallMs?: number;
}

/**
 * Resolves when everything up to the end mark was given to the sink, or the mark cannot come any
 * more.
 * @throws RIVET_CONTAINER_OUTPUT_FORGED
 */
export async function followOutput(options: FollowOptions): Promise<void> {
  const place = { offset: 0, isAtEnd: false };
  const { backlog } = options;
  const watch = setInterval(() => {
    backlog?.(place.isAtEnd ? 0 : Math.max(0, options.file.size - place.offset));
  }, BACKLOG_INTERVAL_MS);
  try {
    await follow(options, place);
  } finally {
    clearInterval(watch);
  }
}

/** How far a file was read, and whether nothing but more output is waited for. */
interface Place {
  offset: number;
  isAtEnd: boolean;
}

async function follow(options: FollowOptions, place: Place): Promise<void> {
  const { file, mark, state, sink } = options;
  let held: Buffer = Buffer.alloc(0);
  /** For an output that is large: a copy of each piece would be as large together. */
  let own: Buffer | undefined;
  let exitedAt: number | undefined;
  let turnEndsAt = performance.now() + TURN_MS;
  const give = async (bytes: Uint8Array): Promise<void> => {
    if (bytes.length > 0) await sink(bytes);
  };
  for (;;) {
    // Asked before the read: what was written before the end is then surely read.
    const now = state();
    const target = own ?? shared;
    held.copy(target);
    const bytesRead = file.read(target.subarray(held.length), place.offset);
    if (bytesRead > 0) {
      place.offset += bytesRead;
      if (exitedAt !== undefined) exitedAt = performance.now();
      const filled = target.subarray(0, held.length + bytesRead);
      // A file gives less than there is room for only where it ends.
      const isAtEnd = filled.length < target.length;
      const bytes = own === undefined ? Buffer.from(filled) : filled;
      if (filled.length === shared.length) own ??= Buffer.allocUnsafe(LARGE_READ_BYTES_MAX);
      const end = findMark(bytes, mark);
      if (end !== -1) return await give(bytes.subarray(0, end));
      const partial = bytes.length - partialMark(bytes, mark);
      held = Buffer.from(bytes.subarray(partial));
      await give(bytes.subarray(0, partial));
      if (performance.now() > turnEndsAt) {
        refuseForged(file.size - place.offset);
        await setImmediate();
        turnEndsAt = performance.now() + TURN_MS;
      }
      if (isAtEnd && now === 'running') await waitForMore(options, place);
      continue;
    }
    if (now === 'exited') exitedAt ??= performance.now();
    const stalled =
      exitedAt !== undefined && performance.now() - exitedAt > (options.stallMs ?? STALL_MS);
    if (now === 'gone' || stalled) return await give(held);
    // Something in the container cut the file: what comes next is at its new end.
    place.offset = Math.min(place.offset, file.size);
    await waitForMore(options, place);
  }
}

/** Until there may be something to read. */
async function waitForMore({ wakeup }: FollowOptions, place: Place): Promise<void> {
  place.isAtEnd = true;
  await wakeup.wait(POLL_MS);
  place.isAtEnd = false;
}

function refuseForged(aheadBytes: number): void {
  if (aheadBytes <= AHEAD_BYTES_MAX) return;
  throw RivetError.of('RIVET_CONTAINER_OUTPUT_FORGED', { found: formatSize(aheadBytes) });
}

/** Where the mark begins; -1 when it is not there. Most output has not even its first byte. */
function findMark(bytes: Buffer, mark: Buffer): number {
  const first = bytes.indexOf(mark[0] ?? 0);
  return first === -1 ? -1 : bytes.indexOf(mark, first);
}

/** How many of the last bytes may be the beginning of the mark. */
function partialMark(bytes: Buffer, mark: Buffer): number {
  const end = bytes.subarray(Math.max(0, bytes.length - mark.length + 1));
  const start = end.lastIndexOf(mark[0] ?? 0);
  if (start === -1) return 0;
  const tail = end.subarray(start);
  return tail.equals(mark.subarray(0, tail.length)) ? tail.length : 0;
}
