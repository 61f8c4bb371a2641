// "Did you mean": near names are found, far ones are not.
import { describe, expect, it } from 'vitest';
import { didYouMean, nearest } from './nearest.ts';

const names = ['timeout', 'container', 'condition', 'needs', 'script'];

describe('nearest', () => {
  it.each([
    ['timout', 'timeout'],
    ['contianer', 'container'],
    ['Needs', 'needs'],
    ['scirpt', 'script'],
  ])('finds for %s the name %s', (written, meant) => {
    expect(nearest(written, names)).toBe(meant);
  });

  it.each(['banana', '', 'x'.repeat(10_000), '__proto__'])('finds nothing for %s', (written) => {
    expect(nearest(written, names)).toBeUndefined();
  });

  it('takes no name of one or two letters for another', () => {
    expect(nearest('B', ['A', 'a'])).toBeUndefined();
    expect(nearest('os', ['fs'])).toBeUndefined();
    expect(nearest('FS', ['fs'])).toBe('fs');
  });

  it('is written as a question, or not at all', () => {
    expect(didYouMean('need', names)).toBe('; did you mean "needs"?');
    expect(didYouMean('banana', names)).toBe('');
  });
});
