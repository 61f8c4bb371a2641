// The headers of a request: checked so that no value can begin another header.
import { REDACTED, SecretText } from '@rivet/base';
import { asRecord } from '@rivet/lua';
import { type Place, type Reader, textOrSecret, wrongValue } from '../value-readers.ts';

export type HeaderValues = ReadonlyMap<string, string | SecretText>;

/** The user and the password of `basic`. */
export type Credentials = readonly [string | SecretText, string | SecretText];

const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]{1,200}$/i;
/** RFC 9110: visible characters, blanks and tabs; what is above ASCII goes out as latin1. */
const VALUE = /^[\t\x20-\x7e\xa0-\xff]*$/;
const VALUE_LENGTH_MAX = 16_000;
const COUNT_MAX = 100;

/** Headers that belong to the connection, or that say where a request goes. */
const RESERVED = new Set(
  'accept-encoding connection content-length expect host keep-alive te trailer transfer-encoding upgrade'.split(
    ' ',
  ),
);

const EXPECTED = 'a table of headers such as { ["X-Team"] = "ci" }';

/** Names and values of headers; names come in lower case. */
export const headerTable: Reader<HeaderValues> = {
  expected: EXPECTED,
  read(value, place) {
    const record = asRecord(value);
    const entries = record === undefined ? undefined : Object.entries(record);
    if (entries === undefined || entries.length > COUNT_MAX) {
      const expected = entries === undefined ? EXPECTED : `at most ${COUNT_MAX} headers`;
      throw wrongValue(value, expected, place);
    }
    const headers = new Map<string, string | SecretText>();
    for (const [name, entry] of entries) {
      const key = headerName(name, place);
      const at = { ...place, path: `${place.path}["${name}"]` };
      if (headers.has(key)) throw wrongValue(name, 'each header once', nameOf(place));
      headers.set(key, headerValue(typeof entry === 'number' ? String(entry) : entry, at));
    }
    return headers;
  },
};

/** The text of `bearer = token` or `basic = { user, password }` as the header `authorization`. */
export function authorization(
  bearer: string | SecretText | undefined,
  basic: Credentials | undefined,
): string | SecretText | undefined {
  if (bearer !== undefined) {
    return bearer instanceof SecretText
      ? new SecretText(`Bearer ${bearer.reveal()}`)
      : `Bearer ${bearer}`;
  }
  if (basic === undefined) return undefined;
  const [user, password] = basic.map((part) => (part instanceof SecretText ? part.reveal() : part));
  // A password is worth hiding however it came here.
  return new SecretText(`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`);
}

/** A value of a header, checked; the text of a secret is not shown when it is wrong. */
export function headerValue(value: Parameters<typeof textOrSecret.read>[0], place: Place) {
  const given = textOrSecret.read(value, place);
  const text = given instanceof SecretText ? given.reveal() : given;
  if (text.length > VALUE_LENGTH_MAX) {
    const expected = `at most ${VALUE_LENGTH_MAX} characters`;
    throw wrongValue(value, expected, place);
  }
  if (!VALUE.test(text)) {
    const hint =
      given instanceof SecretText ? '; a secret often ends with a line end too many' : '';
    throw wrongValue(value, `one line without control characters, in latin1${hint}`, place);
  }
  if (!(given instanceof SecretText) && text.includes(REDACTED)) {
    const expected =
      'the secret itself: joined with `..` it becomes ***; pass it alone, as `bearer` or in `basic`';
    throw wrongValue(value, expected, place);
  }
  return given;
}

function headerName(name: string, place: Place): string {
  const lower = name.toLowerCase();
  if (!NAME.test(name)) {
    throw wrongValue(name, 'names of letters, digits and - as HTTP has them', nameOf(place));
  }
  if (RESERVED.has(lower) || lower.startsWith('proxy-')) {
    throw wrongValue(name, 'other headers: Rivet sets this one itself', nameOf(place));
  }
  return lower;
}

const nameOf = (place: Place): Place => ({ ...place, path: `a name in ${place.path}` });
