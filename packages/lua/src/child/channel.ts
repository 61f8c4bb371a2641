// The Lua process' end of the pipe to the engine. Everything is synchronous: a Lua process has no
// event loop, it does what it is told and then waits for the next frame.
import { readSync, writeSync } from 'node:fs';
import {
  CHILD_FRAME_BYTES_MAX,
  encodeFrame,
  FRAME_BYTES_MAX,
  FrameReader,
} from '../wire/frames.ts';
import type { FromChild, ToChild } from '../wire/messages.ts';

const PIPE = 3;
const CHUNK_BYTES = 64 * 1024;
const reader = new FrameReader(FRAME_BYTES_MAX);
const inbox: ToChild[] = [];
let write: (frame: Buffer) => void = writeToPipe;

/** Waits for the next message; ends the process when the engine is gone. */
export function receive(): ToChild {
  for (;;) {
    const message = inbox.shift();
    if (message !== undefined) return message;
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const length = retry(() => readSync(PIPE, chunk, 0, CHUNK_BYTES, null));
    if (length === 0) process.exit(0);
    const frames = reader.push(chunk.subarray(0, length));
    inbox.push(...frames.map((frame) => frame.message as ToChild));
  }
}

/** Puts a message back: it is received after the ones that were put back before it. */
export function postpone(messages: readonly ToChild[]): void {
  inbox.unshift(...messages);
}

/**
 * Sends a message and waits until the engine's side of the pipe has taken it; false when it is
 * larger than a frame may be.
 */
export function send(message: FromChild, bytesMax = CHILD_FRAME_BYTES_MAX): boolean {
  const frame = encodeFrame(message);
  if (frame.length > bytesMax) return false;
  write(frame);
  return true;
}

/** From now on `take` is given what is sent, instead of the pipe; undefined: the pipe again. */
export function divert(take: ((frame: Buffer) => void) | undefined): void {
  write = take ?? writeToPipe;
}

function writeToPipe(frame: Buffer): void {
  for (let offset = 0; offset < frame.length; ) {
    const from = offset;
    offset += retry(() => writeSync(PIPE, frame, from));
  }
}

/** A pipe that is not ready says EAGAIN when the parent left it non-blocking. */
function retry(attempt: () => number): number {
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      else if (code === 'EOF' || code === 'EPIPE' || code === 'ECONNRESET') process.exit(0);
      else throw error;
    }
  }
}
