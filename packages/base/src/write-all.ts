// Writes to a descriptor at once: the program may end with its next statement.
import { writeSync } from 'node:fs';

/** How long a pipe is left alone that is full, in milliseconds. */
const FULL_PIPE_MS = 1;

/** Writes all, also to a pipe that somebody made non-blocking. Does without who reads no more. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length; ) {
    try {
      offset += writeSync(fd, bytes, offset);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_MS);
    }
  }
}
