// What is hidden, in which forms, across which borders, and what is left alone.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRedactor, type Redactor } from './redactor.ts';

function redactor(...secrets: string[]): Redactor {
  const made = createRedactor();
  for (const secret of secrets) made.add(secret, 'the secret');
  return made;
}

function throughStream(made: Redactor, chunks: readonly (string | Uint8Array)[]): string {
  const stream = made.stream();
  const parts = chunks.map((chunk) => Buffer.from(stream.push(Buffer.from(chunk))));
  return Buffer.concat([...parts, stream.end()]).toString('utf8');
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const TOKEN = 'p@ss"w/örd&<x>\'$2';

describe('a secret', () => {
  it.each<[string, string, string]>([
    ['as it is', `a ${TOKEN} b`, 'a *** b'],
    ['base64', base64(TOKEN), '***'],
    ['base64 behind one byte', base64(`:${TOKEN}`), 'On***'],
    ['base64 behind a user name', base64(`user:${TOKEN}`), 'dXNlcjp***'],
    ['base64 of echo', base64(`${TOKEN}\n`), '***'],
    ['base64url', Buffer.from(`u:${TOKEN}`).toString('base64url'), 'dTp***'],
    ['hexadecimal', Buffer.from(TOKEN).toString('hex'), '***'],
    ['HEXADECIMAL', Buffer.from(TOKEN).toString('hex').toUpperCase(), '***'],
    ['URL-encoded', `?q=${encodeURIComponent(TOKEN)}&`, '?q=***&'],
    ['URL-encoded in lower case', encodeURIComponent(TOKEN).toLowerCase(), '***'],
    ['of a form', new URLSearchParams({ q: TOKEN }).toString(), 'q=***'],
    ['JSON', JSON.stringify({ token: TOKEN }), '{"token":"***"}'],
    ['JSON of Python', '"p@ss\\"w/\\u00f6rd&<x>\'$2"', '"***"'],
    ['JSON of Go', '"p@ss\\"w/örd\\u0026\\u003cx\\u003e\'$2"', '"***"'],
    ['JSON in JSON', JSON.stringify(JSON.stringify(TOKEN)), '"\\"***\\""'],
    ['XML', '<a>p@ss"w/örd&amp;&lt;x&gt;\'$2</a>', '<a>***</a>'],
    ['an XML attribute', 'a="p@ss&quot;w/örd&amp;&lt;x&gt;&apos;$2"', 'a="***"'],
    ['HTML', 'p@ss&#34;w/örd&amp;&lt;x&gt;&#39;$2', '***'],
    ['single quotes of a shell', `'p@ss"w/örd&<x>'\\''$2'`, "'***'"],
    ['quotes of Python', `'p@ss"w/örd&<x>'"'"'$2'`, "'***'"],
    ['double quotes of a shell', `"p@ss\\"w/örd&<x>'\\$2"`, '"***"'],
    ['backslashes', `p@ss\\"w/örd\\&\\<x\\>\\'\\$2`, '***'],
  ])('is hidden %s', (_, text, shown) => {
    expect(redactor(TOKEN).text(text)).toBe(shown);
  });

  it('of several lines is hidden line by line, whatever their ends', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n}\n-----END KEY-----\n';
    const made = redactor(key);
    expect(made.text(key)).toBe('***\n***\n***\n***\n***\n');
    expect(made.text(key.replaceAll('\n', '\r\n'))).toBe('***\r\n***\r\n***\r\n***\r\n***\r\n');
    expect(made.text('| hkiG9w0BAQEFAASC |')).toBe('| *** |');
    expect(made.text('a } b')).toBe('a } b');
    expect(redactor(key.replaceAll('\n', '\r\n')).text(key)).toBe('***\n***\n***\n***\n***\n');
  });

  it('of 64 KB is hidden line by line, whatever its ends and those of the log', () => {
    const line = (at: number): string => base64(`${at}`.repeat(20)).slice(0, 62).padEnd(62, 'x');
    const lines = Array.from({ length: 1020 }, (_, at) => line(at + 1000));
    for (const [own, told] of [
      ['\n', '\r\n'],
      ['\r\n', '\n'],
    ] as const) {
      const made = redactor(['-----BEGIN-----', ...lines, '-----END-----'].join(own));
      const shown = throughStream(made, [lines.map((each) => `  ${each}`).join(told)]);
      expect(shown).toBe(lines.map(() => '  ***').join(told));
      expect(made.text(`| ${lines[500]} |`)).toBe('| *** |');
    }
  });

  it('is hidden on both streams of a command, however their pieces come in turn', () => {
    const made = redactor('s3cr3t-token');
    const [out, err] = [made.stream(), made.stream()];
    let shown = '';
    for (const letter of 's3cr3t-token\n') {
      shown += Buffer.from(out.push(Buffer.from(letter))).toString();
      shown += Buffer.from(err.push(Buffer.from(letter))).toString();
    }
    expect(shown).toBe('***\n***\n');
  });

  it('is hidden in base64 and hexadecimal that a tool has broken into lines', () => {
    const secret = Array.from({ length: 40 }, (_, at) => `line ${at} of it`).join('; ');
    for (const before of ['', 'u:', 'user:', 'someone']) {
      for (const width of [60, 64, 76]) {
        for (const form of [base64(before + secret), Buffer.from(secret).toString('hex')]) {
          const wrapped = form.replaceAll(new RegExp(`.{${width}}`, 'g'), '$&\n');
          const shown = redactor(secret).text(wrapped);
          expect(shown.replaceAll('***', '').replaceAll('\n', '').length).toBeLessThan(16);
        }
      }
    }
  });

  it('is hidden although terminal codes stand in it; they stay', () => {
    const made = redactor('s3cr3t-token');
    expect(made.text('\u001b[1ms3cr\u001b[0m3t-tok\u001b[01;31m\u001b[Ken\u001b[m!')).toBe(
      '\u001b[1m***\u001b[0m\u001b[01;31m\u001b[K\u001b[m!',
    );
    expect(redactor('\u001b[1ms3cr3t\u001b[0m').text('a s3cr3t')).toBe('a ***');
    expect(redactor('+< =b').text('no code: \u001b[+< =b')).toBe('no code: \u001b[***');
  });

  it('that was cut off by Rivet is hidden as far as it is there', () => {
    const made = redactor('a-very-long-secret-token');
    expect(made.text('found "a-very-long-sec…", expected')).toBe('found "***…", expected');
    expect(made.text('$ echo a-very-long …')).toBe('$ echo *** …');
    expect(made.text('a-very… a-v…')).toBe('a-very… a-v…');
    expect(redactor('with … in it').text('x with … in it')).toBe('x ***');
  });
});

it('hides a secret of few letters and enough bytes', () => {
  expect(redactor('>é<').text('>é<')).toBe('***');
  expect(redactor('🚀').text('🚀')).toBe('***');
});

describe('several secrets', () => {
  it.each<[string, string[], string, string]>([
    [
      'one in another',
      ['tower', 'towering inferno'],
      'a towering inferno, a tower',
      'a ***, a ***',
    ],
    ['overlapping', ['abcdef', 'defghi'], 'xabcdefghix', 'x***x'],
    ['side by side', ['first', 'second'], 'firstsecond', '***'],
    ['one twice', ['again'], 'again again', '*** ***'],
    ['one that begins like another', ['prefix-1', 'prefix-2'], 'prefix-prefix-2', 'prefix-***'],
    ['stars', ['****'], 'a ****', 'a ***'],
  ])('are covered as far as they go: %s', (_, secrets, text, shown) => {
    expect(redactor(...secrets).text(text)).toBe(shown);
  });

  it('are hidden from when they were added, also in a stream that flows', () => {
    const made = redactor('first-secret');
    const stream = made.stream();
    const push = (text: string): string => Buffer.from(stream.push(Buffer.from(text))).toString();
    let shown = push('first-secret other-secret; other-se');
    made.add('other-secret', 'the other');
    shown += push('cret; other-secret; first-secret');
    shown += Buffer.from(stream.end()).toString();
    expect(shown).toBe('*** other-secret; other-secret; ***; ***');
  });

  it('may be a thousand, added one by one between lines', () => {
    const made = createRedactor();
    const names = Array.from({ length: 1000 }, (_, at) => `value-${at}-of-many`);
    for (const name of names) {
      made.add(name, name);
      expect(made.text(`it is ${name}.`)).toBe('it is ***.');
    }
    for (const name of names) expect(made.text(name)).toBe('***');
  });
});

describe('a value that cannot be hidden', () => {
  it.each(['', 'a', '\n', 'abc', '   abc \n', '\u001b[1mabc\u001b[0m'])(
    'is refused: %j',
    (text) => {
      const made = createRedactor();
      expect(() => made.add(text, 'the value of secret X')).toThrow(
        expect.objectContaining({ code: 'RIVET_SECRET_TOO_SHORT' }),
      );
      expect(made.text('banana')).toBe('banana');
    },
  );

  it('is refused when it is too large, alone or with the others', () => {
    const made = createRedactor();
    const tooLarge = expect.objectContaining({ code: 'RIVET_SECRET_TOO_LARGE' });
    expect(() => made.add('x'.repeat(65_537), 'it')).toThrow(tooLarge);
    for (let at = 0; at < 4; at += 1) made.add(`${at}`.repeat(64_000), 'one of them');
    expect(() => made.add('x'.repeat(64_000), 'one more')).toThrow(tooLarge);
    made.addMasked('m'.repeat(30_000), 'what a script names');
    expect(() => made.addMasked('n'.repeat(3000), 'more of it')).toThrow(tooLarge);
  });
});

describe('a stream', () => {
  it('finds a secret that comes byte by byte', () => {
    const made = redactor(TOKEN);
    for (const text of [TOKEN, base64(`user:${TOKEN}`), JSON.stringify(TOKEN)]) {
      const bytes = [...Buffer.from(`before ${text} after`)].map((byte) => Uint8Array.of(byte));
      expect(throughStream(made, bytes)).toBe(made.text(`before ${text} after`));
    }
  });

  it('gives what is no beginning of a secret at once', () => {
    const stream = redactor('secret-token').stream();
    expect(Buffer.from(stream.push(Buffer.from('progress: 10%'))).toString()).toBe('progress: 10%');
    expect(Buffer.from(stream.push(Buffer.from(' se'))).toString()).toBe(' ');
    expect(Buffer.from(stream.push(Buffer.from('nt\n'))).toString()).toBe('sent\n');
  });

  it('does not look at its chunks again once they were given back', () => {
    const stream = redactor('secret-token').stream();
    const chunk = Buffer.from('a secret-');
    const first = Buffer.from(stream.push(chunk)).toString();
    chunk.fill(0x78);
    const rest = Buffer.concat([stream.push(Buffer.from('tail')), stream.end()]).toString();
    expect(first + rest).toBe('a secret-tail');
  });

  it('holds little back of line ends and terminal codes without end', () => {
    const made = redactor('A'.repeat(200));
    const stream = made.stream();
    const begin = base64('A'.repeat(100));
    let held = begin.length;
    stream.push(Buffer.from(begin));
    for (let count = 0; count < 300; count += 1) {
      const chunk = Buffer.from('\n\u001b[0m'.repeat(1000));
      held += chunk.length - stream.push(chunk).length;
    }
    expect(held).toBeLessThan(64 * 1024);
  });

  it('takes time in proportion to what it reads, whatever that is', () => {
    const made = redactor(`${'A'.repeat(60_000)}B`);
    const text = 'A'.repeat(4 * 1024 * 1024);
    const beganAt = performance.now();
    expect(throughStream(made, [text])).toBe(text);
    // Comparing at each place would take hours.
    expect(performance.now() - beganAt).toBeLessThan(20_000);
  });
});

const ALPHABET = [
  'a',
  'b',
  'A',
  'ö',
  '/',
  '+',
  '=',
  '"',
  "'",
  '\\',
  ' ',
  '\n',
  '\r',
  '<',
  '%',
  '🚀',
];
const anyText = fc.string({ unit: fc.constantFrom(...ALPHABET), maxLength: 60 });
const anySecret = fc
  .string({ unit: fc.constantFrom(...ALPHABET), minLength: 4, maxLength: 24 })
  .filter((text) => Buffer.byteLength(text.trim()) >= 4);

describe('whatever the secrets and the text', () => {
  const encoders: readonly ((text: string) => string)[] = [
    (text) => text,
    base64,
    (text) => base64(`x${text}`),
    (text) => base64(`xy${text}`),
    (text) => Buffer.from(text).toString('base64url'),
    (text) => Buffer.from(text).toString('hex'),
    (text) => JSON.stringify(text).slice(1, -1),
    (text) => encodeURIComponent(text),
  ];

  it('no form of a secret is in what comes out, and chunks make no difference', () => {
    const cases = fc.record({
      secrets: fc.array(anySecret, { minLength: 1, maxLength: 4 }),
      around: fc.array(anyText, { minLength: 2, maxLength: 6 }),
      picks: fc.infiniteStream(fc.nat(1000)),
      cuts: fc.array(fc.nat(400), { maxLength: 20 }),
    });
    fc.assert(
      fc.property(cases, ({ secrets, around, picks, cuts }) => {
        const made = redactor(...secrets);
        const next = (below: number): number => (picks.next().value ?? 0) % below;
        const forms: string[] = [];
        const text = around
          .map((piece) => {
            const form = encoders[next(encoders.length)]!(secrets[next(secrets.length)]!);
            forms.push(form);
            return piece + form;
          })
          .join('');
        const whole = made.text(text);
        for (const secret of secrets) expect(whole).not.toContain(secret.trim());
        const bytes = Buffer.from(text);
        const borders = [0, ...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b)];
        const chunks = borders.map((at, index) => bytes.subarray(at, borders[index + 1]));
        expect(throughStream(made, chunks)).toBe(whole);
      }),
      { numRuns: 300 },
    );
  });

  it('text without secrets is the same byte for byte', () => {
    const made = redactor('0123-4567', 'zzzz\nyyyy', TOKEN);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, at) => {
        const stream = made.stream();
        const parts = [bytes.subarray(0, at), bytes.subarray(at)].map((part) =>
          Buffer.from(stream.push(part)),
        );
        const shown = Buffer.concat([...parts, stream.end()]);
        const text = Buffer.from(bytes);
        fc.pre(!text.includes('0123-4567') && !text.includes('zzzz') && !text.includes('yyyy'));
        expect(shown.equals(text)).toBe(true);
      }),
    );
  });
});

it('JSON values are redacted in texts and keys, and are the same when there is nothing', () => {
  const made = redactor('s3cr3t');
  expect(made.value({ a: ['x s3cr3t', 1, null], s3cr3t: true })).toEqual({
    a: ['x ***', 1, null],
    '***': true,
  });
  const value = { a: [1, 'x'] };
  expect(made.value(value)).toBe(value);
});
