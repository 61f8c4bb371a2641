// The forms in which the text of a secret may appear: encoded, quoted, line by line.

/** One form of a secret, as bytes to look for. */
export interface SecretForm {
  readonly bytes: Uint8Array;
  /** Whether tools break it into lines: a line end inside of it is passed over. */
  readonly wraps: boolean;
}

/** Fewer bytes would be found in too much other text; lines of a secret and forms too. */
export const FORM_BYTES_MIN = 4;

/** Up to this length the lines of a text are looked for in base64 and hexadecimal too. */
const LINES_ENCODED_LENGTH_MAX = 16 * 1024;

/** Up to these lengths a text is looked for in what is encoded twice: those forms are the longest. */
const TWICE_ENCODED_LENGTH_MAX = 4 * 1024;
const BOTH_ALPHABETS_LENGTH_MAX = 1024;

/** From this length on the beginning of an encoded form may stand on the line before the rest. */
const WRAPPED_LENGTH_MIN = 60;

/**
 * Every form of a secret, each once. Blanks around it and terminal codes in it do not count: they
 * are passed over in logs too.
 */
export function secretForms(secret: string): SecretForm[] {
  const { whole, lines, encoded, texts } = shapesOf(secret);
  const forms = new FormSet();
  for (const text of texts) {
    const bytes = Buffer.from(text);
    if (bytes.length < FORM_BYTES_MIN) continue;
    for (const form of textForms(text)) forms.add(form, false);
    if (!encoded.has(text)) continue;
    for (const form of [...encodedForms(bytes), ...hexadecimalForms(bytes)]) {
      forms.add(form, true);
      if (form.length >= WRAPPED_LENGTH_MIN) forms.add(form.slice(4), true);
      for (const escaped of escapedForms(form)) forms.add(escaped, false);
    }
    if (bytes.length > TWICE_ENCODED_LENGTH_MAX) continue;
    for (const form of twiceEncodedForms(bytes)) forms.add(form, true);
  }
  for (const text of [whole, ...lines]) forms.add(reversed(text), false);
  return forms.all;
}

/** The forms in which a secret may stand in a dump: as it is and in base64. */
export function dumpedForms(secret: string): SecretForm[] {
  const { encoded, texts } = shapesOf(secret);
  const forms = new FormSet();
  for (const text of texts) {
    const bytes = Buffer.from(text);
    if (bytes.length < FORM_BYTES_MIN) continue;
    forms.add(text, false);
    if (!encoded.has(text) || bytes.length > TWICE_ENCODED_LENGTH_MAX) continue;
    for (const form of encodedForms(bytes)) forms.add(form, false);
  }
  return forms.all;
}

class FormSet {
  readonly #forms = new Map<string, SecretForm>();

  add(text: string, wraps: boolean): void {
    const bytes = Buffer.from(text);
    const key = `${wraps} ${text}`;
    if (bytes.length < FORM_BYTES_MIN || this.#forms.has(key)) return;
    this.#forms.set(key, { bytes, wraps });
  }

  get all(): SecretForm[] {
    return [...this.#forms.values()];
  }
}

interface Shapes {
  readonly whole: string;
  readonly lines: readonly string[];
  /** What is looked for in encodings too. */
  readonly encoded: ReadonlySet<string>;
  readonly texts: ReadonlySet<string>;
}

function shapesOf(secret: string): Shapes {
  const whole = withoutTerminalCodes(secret).trim();
  const lines = whole.split(/\r\n|\n|\r/).map((line) => line.trim());
  // Of the lines of a long text, what encodes them one by one would be rare, and the forms many.
  const encoded = new Set(whole.length > LINES_ENCODED_LENGTH_MAX ? [whole] : [whole, ...lines]);
  const texts = new Set([...encoded, lines.join('\n'), lines.join('\r\n'), ...lines]);
  return { whole, lines, encoded, texts };
}

/** What can be seen of a secret: as many bytes as redaction has to go by. */
export function visibleBytes(secret: string): number {
  return Buffer.byteLength(withoutTerminalCodes(secret).trim());
}

function withoutTerminalCodes(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is left out
  return text.replaceAll(/\u001b\[[0-?]*[ -/]*[@-~]/g, '');
}

function textForms(text: string): string[] {
  return [text, ...urlForms(text), ...jsonForms(text), ...xmlForms(text), ...shellForms(text)];
}

/** Base64 at any alignment, in both alphabets, with and without padding. */
function encodedForms(bytes: Buffer): string[] {
  const base64 = [0, 1, 2].flatMap((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const from = base64Begin(before);
    // The last character also holds bits of what follows; at the end of a text they are 0.
    const end = encoded.replaceAll('=', '');
    // `echo` adds a line feed.
    const line = Buffer.concat([Buffer.alloc(before), bytes, Buffer.from('\n')]).toString('base64');
    return [base64Core(bytes, before), end.slice(from), encoded.slice(from), line.slice(from)];
  });
  return bothAlphabets(base64);
}

/** What the bytes before have a say in; with one of them that is two characters, with two three. */
function base64Begin(before: number): number {
  return before === 0 ? 0 : before + 1;
}

/** What is the same in base64 whatever stands around the bytes, of which `before` are before. */
function base64Core(bytes: Buffer, before: number): string {
  const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
  return encoded.slice(base64Begin(before), Math.floor(((before + bytes.length) * 8) / 6));
}

function bothAlphabets(base64: readonly string[]): string[] {
  return [...base64, ...base64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))];
}

function hexadecimalForms(bytes: Buffer): string[] {
  const hex = bytes.toString('hex');
  return [hex, hex.toUpperCase()];
}

/** Base64 of base64, whatever stands around either; base64 of ASCII has no + and no /. */
function twiceEncodedForms(bytes: Buffer): string[] {
  const plain = [0, 1, 2].map((before) => base64Core(bytes, before));
  const cores = bytes.length > BOTH_ALPHABETS_LENGTH_MAX ? plain : bothAlphabets(plain);
  return cores.flatMap((core) => [0, 1, 2].map((before) => base64Core(Buffer.from(core), before)));
}

/** Base64 in a URL and in JSON of those who escape more than they must. */
function escapedForms(base64: string): string[] {
  if (!/[+/=]/.test(base64)) return [];
  const url = base64.replaceAll('+', '%2B').replaceAll('/', '%2F').replaceAll('=', '%3D');
  const json = base64.replaceAll('/', '\\/');
  return [
    url,
    lowerCodes(url),
    json,
    json.replaceAll('+', '\\u002B'),
    json.replaceAll('+', '\\u002b'),
  ];
}

/** As `rev` writes it. */
function reversed(text: string): string {
  return [...text].reverse().join('');
}

/** Percent-encoding as it is done by browsers, forms, RFC 3986 and Python, in both cases. */
function urlForms(text: string): string[] {
  const component = encodeURIComponent(text.toWellFormed());
  const strict = component.replaceAll(
    /[!'()*]/g,
    (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const forms = [
    component,
    strict,
    encodeURI(text.toWellFormed()),
    strict.replaceAll('%2F', '/'),
    strict.replaceAll('%20', '+'),
    // Of forms, as browsers and Node send them.
    new URLSearchParams({ '': text.toWellFormed() }).toString().slice(1),
  ];
  const once = [...forms, ...forms.map(lowerCodes)];
  return [...once, ...once.map((form) => form.replaceAll('%', '%25'))];
}

function lowerCodes(url: string): string {
  return url.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
}

/** JSON strings as JavaScript, Python, Go and PHP write them, and JSON inside of JSON. */
function jsonForms(text: string): string[] {
  const plain = JSON.stringify(text).slice(1, -1);
  const ascii = escapeUnicode(plain, /[^\0-\x7e]/g);
  const go = escapeUnicode(plain, /[<>&\u2028\u2029]/g);
  const forms = [plain, ascii, go, escapeUnicode(go, /[^\0-\x7e]/g)];
  const slashed = forms.map((form) => form.replaceAll('/', '\\/'));
  const all = [...forms, ...slashed];
  const upper = all.map((form) =>
    form.replaceAll(/\\u[0-9a-f]{4}/g, (code) => `\\u${code.slice(2).toUpperCase()}`),
  );
  const nested = JSON.stringify(plain).slice(1, -1);
  return [...all, ...upper, nested];
}

function escapeUnicode(text: string, what: RegExp): string {
  return text.replaceAll(what, (found) =>
    Array.from({ length: found.length }, (_, at) => {
      return `\\u${found.charCodeAt(at).toString(16).padStart(4, '0')}`;
    }).join(''),
  );
}

/** Text and attributes of XML and HTML, quotes in the ways that are common. */
function xmlForms(text: string): string[] {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const double = ['"', '&quot;', '&#34;', '&#x22;'];
  const single = ["'", '&apos;', '&#39;', '&#x27;'];
  return double.flatMap((quot) =>
    single.map((apos) => escaped.replaceAll('"', quot).replaceAll("'", apos)),
  );
}

/** Quoted for a shell: in single and double quotes, with backslashes, and as `$'…'`. */
function shellForms(text: string): string[] {
  const single = text.replaceAll("'", "'\\''");
  const python = text.replaceAll("'", `'"'"'`);
  const double = text.replaceAll(/["$`\\]/g, '\\$&');
  const doubleWithHistory = text.replaceAll(/["$`\\!]/g, '\\$&');
  const backslashes = text.replaceAll(/[^\w@%+=:,./\n\u0080-\uffff-]/g, '\\$&');
  const ansi = text
    .replaceAll(/[\\']/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t');
  return [single, python, double, doubleWithHistory, backslashes, ansi, octal(ansi)];
}

/** Bytes outside of ASCII as bash's `$'…'` writes them. */
function octal(text: string): string {
  return text.replaceAll(/[^\0-\x7f]+/g, (found) =>
    [...Buffer.from(found)].map((byte) => `\\${byte.toString(8)}`).join(''),
  );
}
