// What a command may be, and how its request is written.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CommandSpec } from './driver.ts';
import { checkCommand, quote, writeRequest } from './request.ts';

const COMMAND: CommandSpec = { id: 'c1', argv: ['make'], env: {}, cwd: '/w', stdin: undefined };

describe('quote', () => {
  it('makes one word whose only special characters are its quotes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // Outside of single quotes there is nothing but an escaped quote.
        const rest = quote(text).replaceAll(/'[^']*'/g, '');
        expect(rest.replaceAll("\\'", '')).toBe('');
      }),
    );
  });
});

describe('a request', () => {
  it('exports what a shell can name and leaves the rest to env(1)', () => {
    const request = writeRequest(
      { ...COMMAND, argv: ['make', "it's"], env: { B: '2', 'a.b': '3', IFS: 'x' } },
      { A: '1', B: 'of the container' },
    );
    expect(request).toBe(
      [
        "rivet_cwd='/w'",
        'rivet_environment() {\n:',
        "export A='1'",
        "export B='2'\n}",
        'rivet_program() {',
        "rivet_require 'make'",
        "rivet_become env 'a.b=3' 'IFS=x' 'make' 'it'\\''s'\n}",
        '',
      ].join('\n'),
    );
  });

  it('keeps env(1) from taking a program for a variable', () => {
    const request = writeRequest({ ...COMMAND, argv: ['a=b', 'c'], env: { IFS: 'x' } }, {});
    expect(request).toContain(`rivet_become env 'IFS=x' sh -c 'exec "$@"' sh 'a=b' 'c'`);
  });
});

describe('a command', () => {
  it.each([
    ['an argument with half a character', { argv: ['x', '\ud800'] }],
    ['a variable without a name', { env: { '': '1' } }],
    ['a variable with a line break in its name', { env: { 'A\nB': '1' } }],
    ['an empty program', { argv: ['', 'x'] }],
    ['a working directory with NUL', { cwd: '/\0' }],
    ['an id that is too long', { id: 'x'.repeat(101) }],
  ])('is refused with %s', (_, changes) => {
    expect(() => checkCommand({ ...COMMAND, ...changes }, {})).toThrow(
      expect.objectContaining({ code: 'RIVET_CONTAINER_COMMAND_INVALID' }),
    );
  });

  it('may have an argument as long as Linux takes one, and no longer', () => {
    const longest = 'ü'.repeat(64 * 1024 - 1);
    checkCommand({ ...COMMAND, argv: ['x', `${longest}.`] }, {});
    expect(() => checkCommand({ ...COMMAND, argv: ['x', `${longest}ü`] }, {})).toThrow(
      'argument 1 takes 131072 bytes; Linux lets a command have at most 131071 bytes in one argument',
    );
  });

  it('is refused when all of it together is too long', () => {
    const argv = Array.from({ length: 21 }, () => 'x'.repeat(100_000));
    checkCommand({ ...COMMAND, argv: argv.slice(0, 20) }, {});
    expect(() => checkCommand({ ...COMMAND, argv }, {})).toThrow('together takes');
    expect(() => checkCommand({ ...COMMAND, env: { A: 'x'.repeat(200_000) } }, {})).toThrow(
      'the variable A takes',
    );
  });
});
