// Messages of a child: only well-formed ones are taken.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { messageFrom } from './read-message.ts';

const good = [
  { type: 'ready' },
  { type: 'done', id: 1, values: [1, null], positions: [['1.a', ['f.lua', 1, 0]]] },
  {
    type: 'failed',
    id: 2,
    error: { kind: 'error', message: 'm', place: null, traceback: ['a'] },
  },
  { type: 'host', call: 1, branch: 'b', sequence: 1, name: 'a.b', args: [], place: ['f', 1, 2] },
  { type: 'foreseen', branch: 'b', sequence: 2, name: 'a.b', args: [1], place: ['f', 1, 2] },
  { type: 'limit', limit: 'cpu', place: ['f', 3, 0], traceback: [] },
  { type: 'broken', reason: 'r' },
];

describe('a message of a Lua process', () => {
  test.each(good.map((message) => [message.type, message]))('%s is read', (_, message) => {
    expect(messageFrom(message)).toEqual(message);
  });

  test('with one part of the wrong kind is refused', () => {
    const wrong = fc.constantFrom<unknown>(null, -1, 1.5, {}, [[]], true, undefined, 'other');
    fc.assert(
      fc.property(fc.constantFrom(...good.slice(1)), fc.nat(), wrong, (message, at, value) => {
        const keys = Object.keys(message).filter((key) => key !== 'limit');
        const key = keys[at % keys.length]!;
        const original = (message as Record<string, unknown>)[key];
        fc.pre(value !== original && !(value === null && original === null));
        fc.pre(!(typeof original === 'string' && key !== 'type' && typeof value === 'string'));
        fc.pre(!(key === 'place' && value === null) && !(key === 'args' && Array.isArray(value)));
        fc.pre(!(key === 'values' && Array.isArray(value)));
        expect(() => messageFrom({ ...message, [key]: value })).toThrow(RangeError);
      }),
    );
  });

  test.each([[null], [[]], ['ready'], [{}], [{ type: 'toString' }], [7]])(
    '%j is refused',
    (raw) => {
      expect(() => messageFrom(raw)).toThrow(RangeError);
    },
  );
});
