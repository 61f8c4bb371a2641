// How tools write a secret: by the functions of the language, not by those of the redactor.
import type { Random } from '@rivet/base';

/** A text with a secret in it, as something wrote it. */
export interface Written {
  readonly name: string;
  readonly text: string;
  /** What must not be left of it, whatever stands around. */
  readonly core: string;
}

type Write = (secret: string, random: Random) => Omit<Written, 'name'>;

/** Forms that stand in one piece, to be found exactly where they are. */
export function writeForm(secret: string, random: Random): Written {
  const [name, write] = random.pick(FORMS);
  return { name, ...write(secret.trim(), random) };
}

const whole =
  (encode: (secret: string) => string): Write =>
  (secret) => ({ text: encode(secret), core: encode(secret) });

const FORMS: readonly (readonly [string, Write])[] = [
  ['as it is', whole((secret) => secret)],
  ['as it is', whole((secret) => secret)],
  ['base64', (secret, random) => surrounded(secret, random, 'base64')],
  ['base64url', (secret, random) => surrounded(secret, random, 'base64url')],
  ['base64 of base64', twice],
  ['hexadecimal', (secret, random) => surrounded(secret, random, 'hex')],
  ['HEXADECIMAL', whole((secret) => Buffer.from(secret).toString('hex').toUpperCase())],
  ['URL', whole((secret) => encodeURIComponent(secret.toWellFormed()))],
  [
    'URL, lower case',
    whole((s) => encodeURIComponent(s).replaceAll(/%../g, (c) => c.toLowerCase())),
  ],
  ['URL of URL', whole((secret) => encodeURIComponent(encodeURIComponent(secret)))],
  ['form', whole((secret) => new URLSearchParams({ '': secret }).toString().slice(1))],
  ['JSON', whole((secret) => JSON.stringify(secret).slice(1, -1))],
  ['JSON in JSON', whole((secret) => JSON.stringify(JSON.stringify(secret)).slice(3, -3))],
  [
    'JSON of Python',
    whole((secret) =>
      JSON.stringify(secret)
        .slice(1, -1)
        .replaceAll(/[^\0-\x7e]/g, code),
    ),
  ],
  ['XML', whole((s) => s.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'))],
  ['shell', whole((secret) => secret.replaceAll("'", "'\\''"))],
  ['reversed', whole((secret) => Array.from(secret).reverse().join(''))],
  [
    'base64 in a URL',
    whole((secret) => encodeURIComponent(Buffer.from(secret).toString('base64'))),
  ],
];

function code(letter: string): string {
  return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

type Encoding = 'base64' | 'base64url' | 'hex';

/** With other bytes in the same encoding before and behind it. */
function surrounded(secret: string, random: Random, encoding: Encoding): Omit<Written, 'name'> {
  const before = randomBytes(random);
  const text = Buffer.concat([before, Buffer.from(secret), randomBytes(random)]).toString(encoding);
  return { text, core: coreOf(secret, before.length, encoding) };
}

function twice(secret: string, random: Random): Omit<Written, 'name'> {
  const inner = surrounded(secret, random, 'base64');
  const before = randomBytes(random);
  const behind = randomBytes(random);
  const text = Buffer.concat([before, Buffer.from(inner.text), behind]).toString('base64');
  const at = before.length + inner.text.indexOf(inner.core);
  return { text, core: coreOf(inner.core, at, 'base64') };
}

/** What is the same whatever bytes stand around: two encodings are laid side by side. */
function coreOf(secret: string, before: number, encoding: Encoding): string {
  const bytes = Buffer.from(secret);
  const [zeros, ones] = [0x00, 0xff].map((fill) =>
    Buffer.concat([Buffer.alloc(before, fill), bytes, Buffer.alloc(3, fill)]).toString(encoding),
  );
  const [left = '', right = ''] = [zeros, ones];
  const perByte = encoding === 'hex' ? 2 : 4 / 3;
  let start = Math.floor(before * perByte);
  while (start < left.length && left[start] !== right[start]) start += 1;
  let end = Math.ceil((before + bytes.length) * perByte);
  while (end > start && left[end - 1] !== right[end - 1]) end -= 1;
  return left.slice(start, end);
}

function randomBytes(random: Random): Buffer {
  return Buffer.from(Array.from({ length: random.below(6) }, () => random.below(256)));
}
