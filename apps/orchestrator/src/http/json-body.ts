// Reads a request body as JSON: exactly one value, in UTF-8, not nested without end.
import { RivetError } from '@rivet/base';
import { findJsonError } from './json-error-position.ts';

/** Deeper than anything that is meant, and far from what recursion can bear. */
const DEPTH_MAX = 100;
/** More than the largest report has; each costs time in which no other request is served. */
const VALUES_MAX = 250_000;

/** So many bytes of a string are looked at one by one. */
const LONG_STRING_BYTES = 256;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/**
 * The value of a body.
 * @throws RIVET_REQUEST_JSON with the position, RIVET_REQUEST_INVALID when it is too much
 */
export function parseJsonBody(bytes: Uint8Array): unknown {
  checkSize(bytes);
  const text = decode(bytes);
  try {
    return JSON.parse(text);
  } catch {
    const { line, column, expected, offset } = findJsonError(text);
    const found = offset >= text.length ? 'the end' : JSON.stringify(text[offset]);
    const problem = `line ${line}, column ${column}: ${found}; expected ${expected}`;
    throw RivetError.of('RIVET_REQUEST_JSON', { problem, line, column });
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw RivetError.of('RIVET_REQUEST_JSON', { problem: 'it is not UTF-8' });
  }
}

/** Refuses what would take long to read, before anything reads it. */
function checkSize(body: Uint8Array): void {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  let depth = 0;
  let values = 1;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] as number;
    if (byte === QUOTE) index = endOfString(bytes, index + 1);
    else if (byte === COMMA) values += 1;
    else if (CLOSING.has(byte)) depth -= 1;
    else if (OPENING.has(byte)) {
      depth += 1;
      if (depth > DEPTH_MAX) throw tooMuch(`body is nested deeper than ${DEPTH_MAX} levels`);
    }
    if (values > VALUES_MAX) throw tooMuch(`body has more than ${VALUES_MAX} values`);
  }
}

/** Where the quote stands that ends a string; behind the last byte when there is none. */
function endOfString(bytes: Buffer, from: number): number {
  let lookFrom = from + LONG_STRING_BYTES;
  let quote = -1;
  for (let index = from; index < bytes.length; index += 1) {
    if (index >= lookFrom) {
      // Blocks of logs are strings of many bytes, which are passed over at once.
      if (quote < index) quote = bytes.indexOf(QUOTE, index);
      if (quote === -1) quote = bytes.length;
      const escapeAt = bytes.subarray(index, quote).indexOf(BACKSLASH);
      if (escapeAt === -1) return quote;
      index += escapeAt;
      lookFrom = index + LONG_STRING_BYTES;
    }
    const byte = bytes[index];
    if (byte === BACKSLASH) index += 1;
    else if (byte === QUOTE) return index;
  }
  return bytes.length;
}

function tooMuch(summary: string): RivetError {
  return RivetError.of('RIVET_REQUEST_INVALID', { summary });
}
