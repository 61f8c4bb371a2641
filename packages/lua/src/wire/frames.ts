// Frames on the pipe between the engine and a Lua process: four bytes of length, then JSON.

/** Bytes of JSON one frame may have; what is larger is refused by the side that would send it. */
export const FRAME_BYTES_MAX = 32 * 1024 * 1024;
/**
 * The same for frames of a Lua process, which the engine parses beside all its other work: at this
 * size that takes some hundredths of a second and little memory.
 */
export const CHILD_FRAME_BYTES_MAX = 8 * 1024 * 1024;
/** What is foreseen may have: it is often for nothing. */
export const FORESEEN_BYTES_MAX = 64 * 1024;

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

/** Takes bytes as they arrive and gives the frames among them; holds one frame at most. */
export class FrameReader {
  readonly #bytesMax: number;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  /** The frame that arrives, undefined until its length is known. */
  #body: Buffer | undefined;
  #bodyBytes = 0;

  /** @param bytesMax what one frame may have */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * The frames that are complete now.
   * @throws when a frame is too large or no JSON
   */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    for (let at = 0; at < chunk.length; ) {
      at += this.#body === undefined ? this.#takeHeader(chunk, at) : this.#takeBody(chunk, at);
      const body = this.#body;
      if (body === undefined || this.#bodyBytes < body.length) continue;
      this.#body = undefined;
      this.#headerBytes = 0;
      frames.push({ message: JSON.parse(body.toString('utf8')), bytes: body.length });
    }
    return frames;
  }

  #takeHeader(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#header, this.#headerBytes, at);
    this.#headerBytes += taken;
    if (this.#headerBytes < HEADER_BYTES) return taken;
    const length = this.#header.readUInt32LE(0);
    if (length > this.#bytesMax) throw new RangeError(`a frame of ${length} bytes`);
    this.#body = Buffer.allocUnsafe(length);
    this.#bodyBytes = 0;
    return taken;
  }

  #takeBody(chunk: Buffer, at: number): number {
    if (this.#body === undefined) return 0;
    const taken = chunk.copy(this.#body, this.#bodyBytes, at);
    this.#bodyBytes += taken;
    return taken;
  }
}
