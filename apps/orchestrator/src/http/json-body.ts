// Reads a request body as JSON: exactly one value, in UTF-8, not nested without end.
import { RivetError } from '@rivet/base';
import { findJsonError } from './json-error-position.ts';

/** Deeper than anything that is meant, and far from what recursion can bear. */
const DEPTH_MAX = 100;

/**
 * The value of a body.
 * @throws RIVET_REQUEST_JSON with the position
 */
export function parseJsonBody(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const { line, column, expected, offset } = findJsonError(text);
    const found = offset >= text.length ? 'the end' : JSON.stringify(text[offset]);
    const problem = `line ${line}, column ${column}: ${found}; expected ${expected}`;
    throw RivetError.of('RIVET_REQUEST_JSON', { problem, line, column });
  }
  if (depthOf(text) > DEPTH_MAX) {
    throw RivetError.of('RIVET_REQUEST_JSON', { problem: `deeper than ${DEPTH_MAX} levels` });
  }
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw RivetError.of('RIVET_REQUEST_JSON', { problem: 'it is not UTF-8' });
  }
}

/** Depth of a text that is known to be JSON. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === '{' || token === '[') {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (token === '}' || token === ']') depth -= 1;
  }
  return deepest;
}
