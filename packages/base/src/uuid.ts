// UUIDv7 (RFC 9562): ids that sort by the time they were made.
import { randomFillSync } from 'node:crypto';

/** Random bytes are fetched for so many ids at once: each call of the system takes longer than an id. */
const RESERVE_BYTES = 16 * 256;
const reserve = Buffer.alloc(RESERVE_BYTES);
let reserveUsed = RESERVE_BYTES;

/** A new UUIDv7 in lower case. */
export function uuidv7(nowMs: number = Date.now()): string {
  if (reserveUsed >= RESERVE_BYTES) {
    randomFillSync(reserve);
    reserveUsed = 0;
  }
  const bytes = reserve.subarray(reserveUsed, reserveUsed + 16);
  reserveUsed += 16;
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}

/** The most ids of one series. */
export const SERIES_LENGTH_MAX = 4096;

/** So many new UUIDv7 in their order, each the one before plus 1: the first one tells the others. */
export function uuidv7Series(count: number, nowMs?: number): string[] {
  // The last three digits count; 4096 of them are there.
  const first = `${uuidv7(nowMs).slice(0, -3)}000`;
  return Array.from({ length: count }, (_, index) => uuidAfter(first, index));
}

/** The id that is `index` places behind the first one of a series. @throws when none has so many */
export function uuidAfter(first: string, index: number): string {
  if (index >= SERIES_LENGTH_MAX) throw new RangeError(`a series has no id ${index}`);
  return `${first.slice(0, -3)}${index.toString(16).padStart(3, '0')}`;
}
