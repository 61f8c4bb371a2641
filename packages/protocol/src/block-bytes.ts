// The content of a block of a log: bytes in memory, base64 wherever it is written as JSON.

/** Bytes that JSON shows as base64. */
export class BlockBytes {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get length(): number {
    return this.bytes.length;
  }

  toJSON(): string {
    return viewOf(this.bytes).toString('base64');
  }
}

/** Of a block that came in either way. */
export function bytesOfBlock({ data }: { readonly data: string | BlockBytes }): Buffer {
  return typeof data === 'string' ? Buffer.from(data, 'base64') : viewOf(data.bytes);
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}
