// The body of a request: bytes as they are, JSON, or a form.
import { RivetError, SecretText } from '@rivet/base';
import { asRecord, type LuaFunction, type LuaRecord, type LuaValue } from '@rivet/lua';
import { toJson } from '../modules/json.ts';
import { type Reader, textOrSecret, wrongValue } from '../value-readers.ts';
import type { HttpBody } from './http-request.ts';

/** Names and values of a form or of a query; a name may come several times. */
export interface FormFields {
  readonly fields: readonly [string, string][];
  readonly secret: boolean;
}

const FORM_EXPECTED = 'a table such as { page = 2, tag = { "a", "b" } }';

/** Text, numbers, booleans and secrets by name; a list repeats its name. */
export const formTable: Reader<FormFields> = {
  expected: FORM_EXPECTED,
  read(value, place) {
    const record = asRecord(value);
    if (record === undefined) throw wrongValue(value, FORM_EXPECTED, place);
    const fields: [string, string][] = [];
    let secret = false;
    for (const [name, entry] of Object.entries(record)) {
      for (const item of Array.isArray(entry) ? entry : [entry]) {
        const plain = typeof item === 'number' || typeof item === 'boolean' ? String(item) : item;
        const text = textOrSecret.read(plain, { ...place, path: `${place.path}.${name}` });
        secret ||= text instanceof SecretText;
        fields.push([name, text instanceof SecretText ? text.reveal() : text]);
      }
    }
    return { fields, secret };
  },
};

/** `a=1&b=2` */
export function encodeForm({ fields }: FormFields): string {
  return new URLSearchParams([...fields]).toString();
}

/** What a body is made of; at most one of them is given. */
export interface BodyOptions {
  readonly body?: string | Uint8Array | SecretText;
  readonly json?: LuaValue;
  readonly form?: FormFields;
}

/** A body and the `content-type` that it has unless the script says another. */
export interface RequestBody extends HttpBody {
  readonly type: string | undefined;
}

/**
 * @param nullValue stands for null in `json`
 * @throws RIVET_CALL_ARGUMENT when more than one is given, RIVET_JSON_ENCODE
 */
export function requestBody(
  name: string,
  options: BodyOptions,
  nullValue: LuaFunction,
): RequestBody | undefined {
  const { body, json, form } = options;
  const given = (['body', 'json', 'form'] as const).filter((key) => options[key] !== undefined);
  if (given.length > 1) {
    const found = given.join(' and ');
    const expected = 'one of body, json and form';
    throw RivetError.of('RIVET_CALL_ARGUMENT', {
      function: name,
      path: 'options',
      found,
      expected,
    });
  }
  if (json !== undefined) {
    const { value, secret } = revealAll(json);
    const text = JSON.stringify(toJson(value, 'json', nullValue.id));
    return { bytes: Buffer.from(text), secret, type: 'application/json' };
  }
  if (form !== undefined) {
    const bytes = Buffer.from(encodeForm(form));
    return { bytes, secret: form.secret, type: 'application/x-www-form-urlencoded' };
  }
  if (body === undefined) return undefined;
  const secret = body instanceof SecretText;
  const plain = secret ? body.reveal() : body;
  return { bytes: Buffer.from(plain as string), secret, type: undefined };
}

/** A copy in which secrets are their texts, and whether there were any. */
function revealAll(value: LuaValue): { value: LuaValue; secret: boolean } {
  let secret = false;
  const reveal = (each: LuaValue): LuaValue => {
    const opaque: unknown = each;
    if (opaque instanceof SecretText) {
      secret = true;
      return opaque.reveal();
    }
    if (Array.isArray(each)) return each.map(reveal);
    const record = Array.isArray(each) ? undefined : asRecord(each);
    if (record === undefined) return each;
    const copy = Object.create(null) as LuaRecord;
    for (const [key, entry] of Object.entries(record)) copy[key] = reveal(entry);
    return copy;
  };
  return { value: reveal(value), secret };
}
