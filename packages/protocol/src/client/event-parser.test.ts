// Server-sent events, cut into pieces anywhere.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createEventParser, type RawEvent } from './event-parser.ts';

const parse = (...pieces: string[]): RawEvent[] => {
  const parser = createEventParser();
  return pieces.flatMap((piece) => parser.push(piece));
};

test('an event is what stands before an empty line', () => {
  expect(parse('event: line\nid: 1:7\ndata: {"n":7}\n\n')).toEqual([
    { event: 'line', id: '1:7', data: '{"n":7}' },
  ]);
});

test('comments are ignored and several data lines are joined', () => {
  expect(parse(': hello\n\ndata: a\ndata:b\n\n')).toEqual([
    { event: 'message', id: undefined, data: 'a\nb' },
  ]);
});

test('an event that is not complete is not given out', () => {
  expect(parse('data: a\n')).toEqual([]);
});

test('the pause that the server asks for is kept', () => {
  const parser = createEventParser();
  parser.push('retry: 1500\n\n');
  expect(parser.retryMs).toBe(1500);
});

test('an endless line is refused before it fills the memory', () => {
  const parser = createEventParser();
  const piece = 'x'.repeat(1024 * 1024);
  expect(() => {
    for (let count = 0; count < 20; count += 1) parser.push(piece);
  }).toThrow('longer than');
});

test('cutting the stream anywhere changes nothing', () => {
  const stream = 'event: a\r\nid: 1\r\ndata: x\r\n\r\nid: 2\rdata: y\r\rdata: z\n\ndata: end\n\n';
  const whole = parse(stream);
  expect(whole).toHaveLength(4);
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
      const points = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
      const pieces = points.slice(1).map((point, index) => stream.slice(points[index], point));
      expect(parse(...pieces)).toEqual(whole);
    }),
  );
});
