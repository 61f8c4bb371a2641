// Gives the memory of large buffers back at once: left to V8, a log of many megabytes has the heap
// collected again and again, and every buffer is memory that the system must clear first.

/**
 * Frees bytes that nobody reads any more. They are gone for whoever has them still: so nobody else
 * may have them, nor a part of what they are a part of. Small ones lie together in a piece of
 * memory that Node shares out; those are left to V8.
 */
export function freeBytes({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}
