// The last lines of a command are those that a list of all of them ends with.
import type { OutputStream } from '@rivet/containers';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RecentLines } from './recent-lines.ts';

const pieces = fc.array(
  fc.record({
    stream: fc.constantFrom<OutputStream[]>('stdout', 'stderr'),
    count: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 700 })),
    length: fc.oneof(fc.constant(3), fc.nat(400)),
  }),
  { maxLength: 40 },
);

it('gives the last thousand lines of both streams or one, as far as they are short', () => {
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 1200 }), (added, wanted) => {
      const recent = new RecentLines();
      const all: { stream: OutputStream; line: string }[] = [];
      // Used again, as a reader does.
      const buffer = Buffer.alloc(700 * 420);
      for (const { stream, count, length } of added) {
        const lines = Array.from({ length: count }, (_, index) =>
          `${all.length + index} `.padEnd(length, 'x'),
        );
        const bytes = buffer.write(lines.map((line) => `${line}\n`).join(''));
        recent.add(stream, { count, text: buffer.subarray(0, bytes) });
        all.push(...lines.map((line) => ({ stream, line })));
      }
      const expected = all.slice(-1000);
      while (expected.reduce((sum, { line }) => sum + line.length, 0) > 256 * 1024) {
        expected.shift();
      }
      const textsOf = (of: OutputStream | undefined): string[] =>
        expected
          .filter(({ stream }) => of === undefined || stream === of)
          .slice(-wanted)
          .map(({ line }) => line);
      for (const of of ['stdout', 'stderr', undefined] as const) {
        expect(recent.last(wanted, of)).toEqual(textsOf(of));
      }
    }),
    {
      numRuns: 100,
      // As long as may be, but for the line feeds.
      examples: [
        [
          [
            { stream: 'stdout', count: 1, length: 3 },
            { stream: 'stdout', count: 25, length: 158 },
            { stream: 'stdout', count: 674, length: 380 },
            { stream: 'stderr', count: 275, length: 3 },
          ],
          700,
        ],
      ],
    },
  );
});
