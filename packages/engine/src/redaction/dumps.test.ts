// Secrets in dumps, as the tools of a Linux machine and programming languages print them.
import { processorMsOf } from '@rivet/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRedactor } from './redactor.ts';

const SECRET = 'tok-9f8e7d6c5b4a';

function shown(text: string, secret = SECRET): string {
  const redactor = createRedactor();
  redactor.add(secret, 'the secret');
  const whole = redactor.text(text);
  const stream = redactor.stream();
  const bytes = [...Buffer.from(text)].map((byte) => Buffer.from(stream.push(Uint8Array.of(byte))));
  // A span that grows while it comes byte by byte is hidden all the same.
  expect(Buffer.concat([...bytes, stream.end()]).toString()).toBe(whole);
  return whole;
}

const dumps: Record<string, (bytes: Buffer) => string> = {
  'bytes in hexadecimal': (bytes) => [...bytes].map((byte) => hex(byte, 2)).join(' '),
  'words of two bytes': (bytes) => words(bytes, 2).map(hexOf).join(' '),
  'words of four bytes, the last first': (bytes) =>
    words(bytes, 4)
      .map((word) => hexOf(Buffer.from(word).reverse()))
      .join(' '),
  'words of three bytes': (bytes) => words(bytes, 3).map(hexOf).join(':'),
  'words of sixteen bytes': (bytes) => words(bytes, 16).map(hexOf).join(' '),
  'numbers of one, two and four bytes in turn': (bytes) => {
    const sizes = [1, 2, 1, 1, 4];
    const shown: string[] = [];
    for (let at = 0; at < bytes.length; at += sizes[(shown.length - 1) % sizes.length]!) {
      shown.push(hexOf(bytes.subarray(at, at + sizes[shown.length % sizes.length]!)));
    }
    return shown.join(' ');
  },
  'decimal numbers': (bytes) => [...bytes].join(', '),
  'octal numbers': (bytes) => [...bytes].map((byte) => byte.toString(8).padStart(3, '0')).join(' '),
  'a list of C': (bytes) => [...bytes].map((byte) => `0x${hex(byte, 2)}`).join(', '),
};

function hexOf(bytes: Buffer): string {
  return bytes.toString('hex');
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

function words(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );
}

it.each(Object.entries(dumps))(
  'a secret is found in %s among many numbers of the same kind',
  (_, dump) => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array({ maxLength: 200 }),
        fc.stringMatching(/^[a-d]{12,20}$/),
        (before, after, secret) => {
          // As many as make whole words, so that the secret begins where one does.
          const pad = Buffer.alloc((4 - (before.length % 4)) % 4);
          const bytes = Buffer.concat([before, pad, Buffer.from(secret)]);
          const rest = Buffer.alloc((4 - (bytes.length % 4)) % 4, 'z');
          const text = `numbers: ${dump(Buffer.concat([bytes, rest, after]))} end`;
          expect(shown(text, secret)).toContain('***');
        },
      ),
      { numRuns: 60 },
    );
  },
);

describe('a secret in a dump', () => {
  it.each<[string, string, string]>([
    [
      'xxd',
      `00000000: 783d 746f 6b2d 3966 3865 3764 3663 3562  x=tok-9f8e7d6c5b
00000010: 3461 3b20 6f6b 2061 6e64 206d 6f72 6520  4a; ok and more 
00000020: 7465 7874                                text`,
      `00000000: 783d ***
*** 3b20 6f6b 2061 6e64 206d 6f72 6520  ***
00000020: 7465 7874                                text`,
    ],
    [
      'hexdump -C',
      `00000000  78 3d 74 6f 6b 2d 39 66  38 65 37 64 36 63 35 62  |x=tok-9f8e7d6c5b|
00000010  34 61 3b 20                                       |4a; |
00000014`,
      `00000000  78 3d ***
*** 3b 20                                       ***
00000014`,
    ],
    [
      'hexdump',
      `0000000 3d78 6f74 2d6b 6639 6538 6437 6336 6235
0000010 6134 203b 6b6f 6120 646e 6d20 726f 2065`,
      `0000000 3d78 ***
*** 203b 6b6f 6120 646e 6d20 726f 2065`,
    ],
    [
      'od',
      `0000000 036570 067564 026553 063071 062470 062067 061466 061065
0000020 060464 020073 065557`,
      `0000000 036570 ***
*** 020073 065557`,
    ],
    [
      'od -An -tx1',
      ` 78 3d 74 6f 6b 2d 39 66 38 65 37 64 36 63 35 62
 34 61 3b 20 6f 6b`,
      ` 78 3d ***
*** 3b 20 6f 6b`,
    ],
    [
      'od -A x -t x1z',
      `000000 78 3d 74 6f 6b 2d 39 66 38 65 37 64 36 63 35 62  >x=tok-9f8e7d6c5b<
000010 34 61 3b 20 6f 6b                                >4a; ok<`,
      `000000 78 3d ***
*** 3b 20 6f 6b                                ***`,
    ],
    [
      'od -b',
      `0000000 170 075 164 157 153 055 071 146 070 145 067 144 066 143 065 142
0000020 064 141 073 040`,
      `0000000 170 075 ***
*** 073 040`,
    ],
    [
      'od -tx4',
      `0000000 6f743d78 66392d6b 64376538 62356336
0000020 203b6134 61206b6f`,
      `0000000 ***
*** 61206b6f`,
    ],
    [
      'od -tx8',
      `0000000 66392d6b6f743d78 6235633664376538
0000020 61206b6f203b6134 2065726f6d20646e`,
      `0000000 ***
*** 2065726f6d20646e`,
    ],
    [
      'tcpdump -X',
      `\t0x0000:  783d 746f 6b2d 3966 3865 3764 3663 3562  x=tok-9f8e7d6c5b
\t0x0010:  3461 0a                                   4a.`,
      `\t0x0000:  783d ***
*** 0a                                   ***`,
    ],
    [
      'a buffer of Node',
      '<Buffer 74 6f 6b 2d 39 66 38 65 37 64 36 63 35 62 34 61>',
      '<Buffer ***>',
    ],
    [
      'the JSON of a buffer',
      '{"type":"Buffer","data":[116,111,107,45,57,102,56,101,55,100,54,99,53,98,52,97]}',
      '{"type":"Buffer","data":[***]}',
    ],
    ['bytes of Go', '[116 111 107 45 57 102 56 101 55 100 54 99 53 98 52 97]', '[***]'],
    [
      'capital letters with colons',
      'key 74:6F:6B:2D:39:66:38:65:37:64:36:63:35:62:34:61',
      'key ***',
    ],
    [
      'a string of C',
      '"\\x74\\x6f\\x6b\\x2d\\x39\\x66\\x38\\x65\\x37\\x64\\x36\\x63\\x35\\x62\\x34\\x61"',
      '"\\x***"',
    ],
    [
      'an array of C',
      '{ 0x74, 0x6f, 0x6b, 0x2d, 0x39, 0x66, 0x38, 0x65, 0x37, 0x64, 0x36, 0x63, 0x35, 0x62, 0x34, 0x61 }',
      '{ 0x*** }',
    ],
    [
      'octal codes of a shell',
      '\\164\\157\\153\\055\\071\\146\\070\\145\\067\\144\\066\\143\\065\\142\\064\\141',
      '\\***',
    ],
    ['percent codes for all', '%74%6f%6b%2d%39%66%38%65%37%64%36%63%35%62%34%61&x=1', '%***&x=1'],
    [
      'base64 in it',
      Buffer.from(Buffer.from(`u:${SECRET}`).toString('base64'))
        .toString('hex')
        .replaceAll(/..(?!$)/g, '$& '),
      '64 54 70 ***',
    ],
  ])('of %s is hidden', (_, text, expected) => {
    expect(shown(text)).toBe(expected);
  });

  it('is hidden in hexadecimal numbers, where it begins amid one', () => {
    expect(shown('7a746f6b 2d396638 65376436 63356234 61ff')).toBe('7a***ff');
  });

  it('that was cut off is hidden as far as it is there', () => {
    const redactor = createRedactor();
    redactor.add(SECRET, 'the secret');
    expect(redactor.text('74 6f 6b 2d 39 66 38 65 37 …')).toBe('*** …');
  });
});

describe('numbers that are no secret', () => {
  it.each([
    '2026-11-21 06:19:15 took 132 ms; 10, 20, 30, 40, 50, 60, 70, 80, 90',
    '00000000: 783d 746f 6b2d 3966 3865 3764 3663 3562  x=tok-9f8e7d6c5\n00000010: 40',
    '0000000 170 075 164 157\n\n153 055',
    'de ad be ef ca fe',
    '74 6f 6b 2d 39 66 38 65 37 64 36 63 35 62 34\n\n61',
    '',
  ])('stay: %j', (text) => {
    expect(shown(text)).toBe(text);
  });

  it('stay although they are those of a short secret, unless they are hexadecimal', () => {
    expect(shown('49, 50, 51, 52', '1234')).toBe('49, 50, 51, 52');
    expect(shown('31 32 33 34', '1234')).toBe('***');
  });

  it('are read in proportion to their length, whatever they are', async () => {
    const text = '41 '.repeat(128 * 1024);
    const redactor = createRedactor();
    redactor.add(`${'A'.repeat(20_000)}B`, 'the secret');
    const read = (): void => {
      const stream = redactor.stream();
      const parts: Uint8Array[] = [];
      for (let at = 0; at < text.length; at += 65_536) {
        parts.push(Buffer.from(stream.push(Buffer.from(text.slice(at, at + 65_536)))));
      }
      expect(Buffer.concat([...parts, stream.end()]).toString()).toBe(text);
    };
    // Comparing at each place would take hours.
    expect(await processorMsOf(read)).toBeLessThan(10_000);
  });
});

describe('a secret that was encoded again', () => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');

  it.each<[string, string]>([
    ['base64 twice', base64(base64(SECRET))],
    ['base64 twice, with a name before', base64(`a ${base64(`user:${SECRET}`)}`)],
    ['base64 twice by `base64 | base64`', base64(`${base64(`${SECRET}\n`)}\n`)],
    ['base64 of base64url', base64(Buffer.from(`\u00ff${SECRET}\u00fe`).toString('base64url'))],
    ['URL-encoded twice', encodeURIComponent(encodeURIComponent('p@ss/wörd&x'))],
    ['base64, URL-encoded', encodeURIComponent(base64('?>?>p@ss/wörd&x'))],
    ['base64 in JSON of PHP', base64('p@ss/wörd&x???').replaceAll('/', '\\/')],
    ['reversed', [...SECRET].reverse().join('')],
  ])('%s, is hidden', (_, text) => {
    const secret = /PHP|URL/.test(_) ? 'p@ss/wörd&x' : SECRET;
    const told = shown(`<${text}>`, secret);
    expect(told).toContain('***');
    expect(told.replace('***', '').length).toBeLessThan(16);
  });
});
