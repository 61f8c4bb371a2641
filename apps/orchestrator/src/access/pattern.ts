// Patterns of names, in which `*` stands for any text: the same rule here as `LIKE` follows in SQL.
import { RivetError } from '@rivet/base';
import type { ObjectKind } from '@rivet/protocol';

/** Whether a name fits a pattern, in time linear in both for each `*`. */
export function matchesPattern(pattern: string, name: string): boolean {
  const parts = pattern.split('*');
  const [first = ''] = parts;
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return pattern === name;
  if (name.length < first.length + last.length) return false;
  if (!name.startsWith(first) || !name.endsWith(last)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= name.length - last.length;
}

/** No name has it, so only a `*` can stand for it. */
const ANY_TEXT = '\0';

/** Whether each name that fits `inner` fits one of `outers` too. */
export function coversPattern(outers: readonly string[], inner: string): boolean {
  // What fits with a text that nothing but `*` can stand for, fits with every text in its place.
  const name = inner.replaceAll('*', ANY_TEXT);
  return outers.some((outer) => matchesPattern(outer, name));
}

/** Names of pipelines; of secrets NAME, or pipeline/NAME for one of a single pipeline. */
const CHARACTERS = /^[A-Za-z0-9 ._/*-]*$/;
const LENGTH_MAX = 200;

/**
 * The pattern as it is stored: several `*` in a row are one.
 * @throws RIVET_ACCESS_PATTERN when no name could ever fit it
 */
export function readPattern(kind: ObjectKind, text: string): string {
  const fits = text.length >= 1 && text.length <= LENGTH_MAX;
  if (fits && CHARACTERS.test(text)) return text.replaceAll(/\*+/g, '*');
  const found = JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);
  const reason = fits
    ? 'names have letters, digits, spaces and . _ / -'
    : `it has ${text.length} characters; expected 1 to ${LENGTH_MAX}`;
  throw RivetError.of('RIVET_ACCESS_PATTERN', { found, kind, reason });
}
