// How many automata a stream asks as secrets are added one by one, and that it finds the same.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Automaton } from './automaton.ts';
import { inOne, withForms } from './form-automata.ts';
import { createRedactor, type Redactor } from './redactor.ts';

/** Of forms that came one by one, each of so many bytes. */
function automataOf(count: number, bytes: number): readonly Automaton[] {
  let automata: readonly Automaton[] = [];
  for (let at = 0; at < count; at += 1) {
    const text = String(at).padEnd(bytes, 'x');
    automata = withForms(automata, [{ bytes: Buffer.from(text), wraps: false }]);
  }
  return automata;
}

describe('forms that are added one by one', () => {
  it('are in few automata, and in one where somebody reads much', () => {
    const few = automataOf(20, 100);
    expect(few.length).toBeGreaterThan(1);
    expect(few.length).toBeLessThan(10);
    const [one, ...others] = inOne(few);
    expect(others).toEqual([]);
    expect(one?.forms).toEqual(few.flatMap(({ forms }) => forms));
  });

  it('stay in those that they are in where one of all would take long to build', () => {
    const many = automataOf(70, 500);
    expect(many.length).toBeGreaterThan(1);
    expect(inOne(many)).toBe(many);
  });

  it('are found as when all were there from the beginning', () => {
    const letters = fc.string({ unit: fc.constantFrom(...'ab01 \n'), maxLength: 40 });
    const secret = fc
      .string({ unit: fc.constantFrom(...'ab01%/'), minLength: 4, maxLength: 12 })
      .filter((text) => text.trim().length >= 4);
    const cases = fc.record({
      secrets: fc.array(secret, { minLength: 1, maxLength: 6 }),
      around: fc.array(letters, { minLength: 7, maxLength: 7 }),
      cuts: fc.array(fc.nat(600), { maxLength: 10 }),
    });
    fc.assert(
      fc.property(cases, ({ secrets, around, cuts }) => {
        const together = createRedactor();
        const oneByOne = createRedactor();
        for (const text of secrets) {
          together.add(text, 'a secret');
          oneByOne.add(text, 'a secret');
          oneByOne.text('what is told between two secrets');
        }
        const text = secrets
          .map((secret, at) => `${around[at]}${at % 3 === 0 ? secret : dumpOf(secret, at % 3)}`)
          .concat(around[6] ?? '')
          .join('');
        expect(throughStream(oneByOne, text, cuts)).toBe(throughStream(together, text, cuts));
      }),
      { numRuns: 60 },
    );
  });
});

it('a stream that is amid of a line stays there when another one begins', () => {
  const made = createRedactor();
  made.add('something-else', 'a secret');
  const amid = made.stream();
  amid.push(Buffer.from('begins\n'));
  made.add('hünter2-sec', 'a secret');
  amid.push(Buffer.from('00000000: 68c3 bc6e 7465 7232 2d73 6563 '));
  made.stream().push(Buffer.from('another\n'));
  const parts = [Buffer.from(amid.push(Buffer.from('           h..nter2-sec\n'))), amid.end()];
  expect(Buffer.concat(parts).toString()).not.toContain('nter2');
});

/** In hexadecimal, a number for each byte or for each two. */
function dumpOf(secret: string, bytes: number): string {
  const digits = Buffer.from(secret).toString('hex');
  return (digits.match(new RegExp(`.{1,${2 * bytes}}`, 'g')) ?? []).join(' ');
}

function throughStream(redactor: Redactor, text: string, cuts: readonly number[]): string {
  const bytes = Buffer.from(text);
  const places = [0, ...cuts.filter((cut) => cut < bytes.length), bytes.length].sort(
    (a, b) => a - b,
  );
  const stream = redactor.stream();
  const parts = places
    .slice(1)
    .map((end, at) => Buffer.from(stream.push(bytes.subarray(places[at], end))));
  return Buffer.concat([...parts, stream.end()]).toString('utf8');
}
