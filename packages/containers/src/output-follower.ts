// Reads an output file while a command writes it, and hands it on without its end mark.
import type { FileHandle } from 'node:fs/promises';
import type { Wakeup } from './wakeup.ts';

const READ_BYTES_MAX = 64 * 1024;
const POLL_MS = 250;
/**
 * How long output may stand still after the exit before the end mark counts as lost, in
 * milliseconds.
 */
const STALL_MS = 2_000;

export interface FollowOptions {
  readonly file: FileHandle;
  /** Ends the output; its first byte occurs in it once. */
  readonly mark: Buffer;
  readonly wakeup: Wakeup;
  /** `exited`: the mark is on its way. `gone`: nothing comes any more. */
  readonly state: () => 'running' | 'exited' | 'gone';
  /** Is awaited before more is read. The bytes are its own. */
  readonly sink: (bytes: Uint8Array) => void | Promise<void>;
  /** As STALL_MS; shorter in tests. */
  readonly stallMs?: number;
}

/**
 * Resolves when everything up to the end mark was given to the sink, or the mark can't come any
 * more.
 */
export async function followOutput(options: FollowOptions): Promise<void> {
  const { file, mark, wakeup, state, sink } = options;
  const buffer = Buffer.allocUnsafe(READ_BYTES_MAX);
  let held: Buffer = Buffer.alloc(0);
  let offset = 0;
  let exitedAt: number | undefined;
  const give = async (bytes: Uint8Array): Promise<void> => {
    if (bytes.length > 0) await sink(bytes);
  };
  for (;;) {
    // Asked before the read: what was written before the end is then surely read.
    const now = state();
    const { bytesRead } = await file.read(buffer, 0, READ_BYTES_MAX, offset);
    if (bytesRead > 0) {
      offset += bytesRead;
      if (exitedAt !== undefined) exitedAt = performance.now();
      const bytes = Buffer.concat([held, buffer.subarray(0, bytesRead)]);
      const end = bytes.indexOf(mark);
      if (end !== -1) return await give(bytes.subarray(0, end));
      held = bytes.subarray(bytes.length - partialMark(bytes, mark));
      await give(bytes.subarray(0, bytes.length - held.length));
      continue;
    }
    if (now === 'exited') exitedAt ??= performance.now();
    const stalled =
      exitedAt !== undefined && performance.now() - exitedAt > (options.stallMs ?? STALL_MS);
    if (now === 'gone' || stalled) return await give(held);
    // Something in the container cut the file: what comes next is at its new end.
    offset = Math.min(offset, (await file.stat()).size);
    await wakeup.wait(POLL_MS);
  }
}

/** How many of the last bytes may be the beginning of the mark. */
function partialMark(bytes: Buffer, mark: Buffer): number {
  const start = bytes.lastIndexOf(mark.subarray(0, 1));
  if (start === -1) return 0;
  const tail = bytes.subarray(start);
  return tail.equals(mark.subarray(0, tail.length)) ? tail.length : 0;
}
