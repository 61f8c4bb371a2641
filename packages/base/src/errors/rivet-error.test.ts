// Rivet's error: message filled from facts, advice, and whatever else was thrown.
import { describe, expect, it } from 'vitest';
import { describeThrown, isRivetError, RivetError, toRivetError } from './rivet-error.ts';

describe('RivetError', () => {
  it('fills its message from the details', () => {
    const error = RivetError.of('RIVET_CONFIG_INVALID', {
      key: 'RIVET_PORT',
      found: '"x"',
      expected: 'a number',
    });
    expect(error.message).toBe('RIVET_PORT is "x"; expected a number');
    expect(error.code).toBe('RIVET_CONFIG_INVALID');
    expect(error.solve).toMatch(/^Correct the value/);
  });

  it('prefers a hint to the advice of the catalogue', () => {
    const error = RivetError.of('RIVET_USAGE', { problem: 'no', hint: 'Say yes.' });
    expect(error.solve).toBe('Say yes.');
  });

  it('does not read a detail as a template', () => {
    const error = RivetError.of('RIVET_USAGE', { problem: 'a {problem} of $& and $1' });
    expect(error.message).toBe('a {problem} of $& and $1');
  });

  it('is told apart by its code', () => {
    const error = RivetError.of('RIVET_USAGE', { problem: 'x' });
    expect(isRivetError(error, 'RIVET_USAGE', 'RIVET_INTERNAL')).toBe(true);
    expect(isRivetError(error, 'RIVET_INTERNAL')).toBe(false);
    expect(isRivetError(new Error('x'))).toBe(false);
  });

  it('wraps what is no Rivet error as a defect that keeps its cause', () => {
    const cause = new TypeError('x is undefined');
    const error = toRivetError(cause);
    expect(error.code).toBe('RIVET_INTERNAL');
    expect(error.message).toBe('Rivet failed: x is undefined');
    expect(error.cause).toBe(cause);
    expect(toRivetError(error)).toBe(error);
  });

  it.each([
    [new Error(''), 'Error'],
    ['text', 'text'],
    [undefined, 'undefined'],
  ])('describes whatever was thrown: %s', (thrown, text) => {
    expect(describeThrown(thrown)).toBe(text);
  });
});
