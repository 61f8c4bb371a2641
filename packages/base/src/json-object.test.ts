// What text says as JSON, and that nothing is thrown where it says nothing.
import { expect, it } from 'vitest';
import { parseJsonObject } from './json-object.ts';

it('gives the object', () => {
  expect(parseJsonObject('{"a": [1]}')).toEqual({ a: [1] });
});

it.each(['', '{', 'null', '7', '[1]', '"a"', 'a: 1'])('gives nothing for %j', (text) => {
  expect(parseJsonObject(text)).toBeUndefined();
});
