// What is read as a JSON body, and what is refused before it is read.

import { RivetError } from '@rivet/base';
import { processorMsOf } from '@rivet/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJsonBody } from './json-body.ts';

const parse = (text: string): unknown => parseJsonBody(Buffer.from(text));
const codeOf = (text: string): string => {
  try {
    parse(text);
    return 'none';
  } catch (error) {
    return error instanceof RivetError ? error.code : String(error);
  }
};

describe('a JSON body', () => {
  it('is what JSON says it is, whatever its strings hold', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.stringMatching(/^["\\,[\]{}a]{0,2000}$/),
      fc.integer({ min: 250, max: 260 }).map((length) => `${'x'.repeat(length)}"\\"]`),
    );
    fc.assert(
      fc.property(fc.array(text), (texts) => {
        expect(parse(JSON.stringify(texts))).toEqual(texts);
      }),
    );
  });

  it('may have any number of commas and brackets in a string, however long', () => {
    for (const length of [10, 255, 256, 257, 300_000]) {
      const text = `${'x'.repeat(length)}\\"${'[,'.repeat(300_000)}`;
      expect(parse(JSON.stringify({ text }))).toEqual({ text });
    }
  });

  it.each([
    ['many values', `[${'0,'.repeat(250_000)}0]`],
    ['many values behind a long string', `["${'x'.repeat(1000)}"${',0'.repeat(250_000)}]`],
    ['many values behind escapes', `["${'\\"'.repeat(1000)}"${',0'.repeat(250_000)}]`],
    ['brackets without end', '['.repeat(101)],
  ])('with %s is refused before it is read', (_, text) => {
    expect(codeOf(text)).toBe('RIVET_REQUEST_INVALID');
  });

  it.each([
    ['a string without an end', `["${'x'.repeat(1000)}`],
    ['an escape at its end', `["${'x'.repeat(1000)}\\`],
    ['nothing', ''],
  ])('that is %s is refused with its place', (_, text) => {
    expect(codeOf(text)).toBe('RIVET_REQUEST_JSON');
  });

  it('of escapes alone is looked at in time that grows with its length', async () => {
    const long = `x${'y'.repeat(300)}\\\\`.repeat(30_000);
    const look = () => expect(parse(`["${long}"]`)).toHaveLength(1);
    expect(await processorMsOf(look)).toBeLessThan(2000);
  });
});
