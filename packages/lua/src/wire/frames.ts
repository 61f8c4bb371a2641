// Frames on the pipe between the engine and a Lua process: four bytes of length, then JSON.

/** Bytes of JSON one frame may have; what is larger is refused by the side that would send it. */
export const FRAME_BYTES_MAX = 32 * 1024 * 1024;
/**
 * The same for frames of a Lua process, which the engine parses beside all its other work: at this
 * size that takes some hundredths of a second and little memory.
 */
export const CHILD_FRAME_BYTES_MAX = 8 * 1024 * 1024;

const HEADER_BYTES = 4;

/** The bytes of a frame that carries `message`. */
export function encodeFrame(message: unknown): Buffer {
  const body = JSON.stringify(message);
  const length = Buffer.byteLength(body);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame.writeUInt32LE(length, 0);
  frame.write(body, HEADER_BYTES);
  return frame;
}

/** A message, parsed, and the bytes of JSON it came in. */
export interface Frame {
  readonly message: unknown;
  readonly bytes: number;
}

/** Takes bytes as they arrive and gives the frames among them. */
export class FrameReader {
  readonly #bytesMax: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** @param bytesMax what one frame may have */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * The frames that are complete now.
   * @throws when a frame is too large or no JSON
   */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const frames: Frame[] = [];
    for (let length = this.#next(); length !== undefined; length = this.#next()) {
      if (this.#bytes < HEADER_BYTES + length) break;
      const all = this.#joined();
      const text = all.toString('utf8', HEADER_BYTES, HEADER_BYTES + length);
      frames.push({ message: JSON.parse(text), bytes: length });
      this.#bytes -= HEADER_BYTES + length;
      this.#chunks = this.#bytes === 0 ? [] : [all.subarray(HEADER_BYTES + length)];
    }
    return frames;
  }

  /** Length of the frame at the front, undefined while its header is incomplete. */
  #next(): number | undefined {
    if (this.#bytes < HEADER_BYTES) return undefined;
    const first = this.#chunks[0];
    const head = first !== undefined && first.length >= HEADER_BYTES ? first : this.#joined();
    const length = head.readUInt32LE(0);
    if (length > this.#bytesMax) throw new RangeError(`a frame of ${length} bytes`);
    return length;
  }

  #joined(): Buffer {
    const [first] = this.#chunks;
    if (this.#chunks.length === 1 && first !== undefined) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}
