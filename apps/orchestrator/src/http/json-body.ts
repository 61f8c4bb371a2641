// Reads a request body as JSON: exactly one value, in UTF-8, not nested without end.
import { RivetError } from '@rivet/base';
import { findJsonError } from './json-error-position.ts';

/** Deeper than anything that is meant, and far from what recursion can bear. */
const DEPTH_MAX = 100;
/** More than the largest report has; each costs time in which no other request is served. */
const VALUES_MAX = 250_000;

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
function checkSize(bytes: Uint8Array): void {
  let depth = 0;
  let values = 1;
  let quoted = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] as number;
    if (quoted) {
      if (byte === BACKSLASH) index += 1;
      else if (byte === QUOTE) quoted = false;
    } else if (byte === QUOTE) quoted = true;
    else if (byte === COMMA) values += 1;
    else if (CLOSING.has(byte)) depth -= 1;
    else if (OPENING.has(byte)) {
      depth += 1;
      if (depth > DEPTH_MAX) throw tooMuch(`body is nested deeper than ${DEPTH_MAX} levels`);
    }
    if (values > VALUES_MAX) throw tooMuch(`body has more than ${VALUES_MAX} values`);
  }
}

function tooMuch(summary: string): RivetError {
  return RivetError.of('RIVET_REQUEST_INVALID', { summary });
}
