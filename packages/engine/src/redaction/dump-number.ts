// The numbers that dumps write bytes as, and the bytes of one of them.

/** Words that a machine keeps with the last byte first have at most this many bytes. */
const WORD_BYTES_MAX = 8;

/** Puts the bytes of a number into `numberBytes` and gives how many there are; 0 when it is none. */
export type ReadNumber = (buffer: Uint8Array, start: number, end: number) => number;

/** Of the number that was read last. */
export const numberBytes = new Uint8Array(16);
/** More than a byte, wherever in one it stands. */
const NO_DIGIT = 0x100;
const VALUE = new Uint16Array(256).fill(NO_DIGIT);
for (let value = 0; value < 16; value += 1) {
  for (const digit of [value.toString(16), value.toString(16).toUpperCase()]) {
    VALUE[digit.charCodeAt(0)] = value;
  }
}
/** What two digits side by side are: looked up at once, as most of a log may be numbers. */
const BYTE = new Uint16Array(2 ** 16);
for (let digits = 0; digits < BYTE.length; digits += 1) {
  BYTE[digits] = ((VALUE[digits >> 8] ?? 0) << 4) | (VALUE[digits & 0xff] ?? 0);
}

export const hexadecimal: ReadNumber = (buffer, start, end) => {
  if ((end - start) % 2 !== 0) return 0;
  for (let at = start; at < end; at += 2) {
    numberBytes[(at - start) / 2] = byteAt(buffer, at);
  }
  return (end - start) / 2;
};

export const lastByteFirst: ReadNumber = (buffer, start, end) => {
  if (end - start > 2 * WORD_BYTES_MAX) return 0;
  const count = hexadecimal(buffer, start, end);
  numberBytes.subarray(0, count).reverse();
  return count;
};

export const decimal: ReadNumber = (buffer, start, end) => {
  const value = end - start > 3 ? undefined : numberAt(buffer, start, end, 10);
  if (value === undefined || value > 0xff) return 0;
  numberBytes[0] = value;
  return 1;
};

/** Bytes of three digits, or words of six, as `od` writes them. */
export const octal: ReadNumber = (buffer, start, end) => {
  const digits = end - start;
  if (digits !== 3 && digits !== 6) return 0;
  const value = numberAt(buffer, start, end, 8);
  if (value === undefined || value > (digits === 3 ? 0xff : 0xffff)) return 0;
  numberBytes[0] = value & 0xff;
  numberBytes[1] = value >> 8;
  return digits / 3;
};

/** The byte of two hexadecimal digits; more than 255 when one of them is none. */
export function byteAt(buffer: Uint8Array, at: number): number {
  return BYTE[((buffer[at] ?? 0) << 8) | (buffer[at + 1] ?? 0)] ?? NO_DIGIT;
}

export function isDigitAt(buffer: Uint8Array, at: number): boolean {
  return valueAt(buffer, at) !== NO_DIGIT;
}

function valueAt(buffer: Uint8Array, at: number): number {
  return VALUE[buffer[at] ?? 0] ?? NO_DIGIT;
}

function numberAt(
  buffer: Uint8Array,
  start: number,
  end: number,
  base: number,
): number | undefined {
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const digit = valueAt(buffer, at);
    if (digit >= base) return undefined;
    value = value * base + digit;
  }
  return value;
}
