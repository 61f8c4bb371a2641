// What the command line of the benchmarks understands.
import { expect, test } from 'vitest';
import { readOptions } from './options.ts';

const names = ['one', 'two', 'three'];

test('without options every benchmark is run fifteen times', () => {
  expect(readOptions([], names)).toEqual({
    chosen: names,
    all: true,
    rounds: 15,
    json: false,
    list: false,
    help: false,
    save: false,
    here: false,
  });
});

test('those that are chosen run in the order of the list', () => {
  const options = readOptions(['--only', 'three', '--only', 'one', '--rounds', '3'], names);
  expect(options).toMatchObject({ chosen: ['one', 'three'], all: false, rounds: 3 });
});

test('help is an answer, and not a mistake', () => {
  expect(readOptions(['--help'], names)).toMatchObject({ help: true });
});

test.each([
  [['--only', 'four'], 'there is no benchmark "four"; there are one, two, three'],
  [['--rounds', '0'], '--rounds is "0"; expected 1 to 9999'],
  [['--rounds', 'many'], '--rounds is "many"; expected 1 to 9999'],
  [['--fast'], "Unknown option '--fast'"],
  [['one'], 'Unexpected argument'],
])('%j is refused with what was expected', (args, words) => {
  expect(readOptions(args, names)).toContain(words);
});
