// Where output goes, and when it has colours.
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createOutput, table, wantsColor } from './output.ts';
import { memoryOutput } from './testing/memory-output.ts';

describe('colours', () => {
  const terminal = { isTTY: true };
  it.each([
    ['a terminal', terminal, {}, true],
    ['a pipe', {}, {}, false],
    ['a terminal with NO_COLOR', terminal, { NO_COLOR: '1' }, false],
    ['a terminal with an empty NO_COLOR', terminal, { NO_COLOR: '' }, true],
    ['a pipe with FORCE_COLOR', {}, { FORCE_COLOR: '1' }, true],
    ['a terminal with FORCE_COLOR=0', terminal, { FORCE_COLOR: '0' }, false],
    ['FORCE_COLOR beside NO_COLOR', {}, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
    ['a dumb terminal', terminal, { TERM: 'dumb' }, false],
  ])('%s', (_name, stream, env, expected) => {
    expect(wantsColor(stream, env)).toBe(expected);
  });
});

describe('output', () => {
  it('prints results to standard output and remarks to standard error', () => {
    const { output, stdout, stderr } = memoryOutput();
    output.line('result');
    output.note('remark');
    expect(stdout()).toBe('result\n');
    expect(stderr()).toBe('remark\n');
  });

  it('makes whatever it prints inert', () => {
    const { output, stdout, stderr } = memoryOutput({ terminal: true });
    output.line('\u001b]0;title\u0007name');
    output.note('\u001b[2Jname');
    expect(stdout()).toBe('name\n');
    expect(stderr()).toBe('name\n');
  });

  it('moves the cursor only at a terminal', () => {
    const pipe = memoryOutput();
    pipe.output.control('\u001b[1A');
    expect(pipe.stdout()).toBe('');
    const terminal = memoryOutput({ terminal: true });
    terminal.output.control('\u001b[1A');
    expect(terminal.stdout()).toBe('\u001b[1A');
  });

  it('counts 80 columns where a terminal says none, or next to none', () => {
    expect(memoryOutput({ terminal: true, columns: 0 }).output.columns).toBe(80);
    expect(memoryOutput({ terminal: true, columns: 120 }).output.columns).toBe(120);
  });

  it('goes quiet when the reader went away, and says so through `closed`', () => {
    const stdout = new PassThrough();
    const output = createOutput({ stdout, stderr: new PassThrough(), env: {} });
    stdout.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    expect(output.closed.aborted).toBe(true);
    output.line('nobody reads this');
    expect(stdout.read()).toBeNull();
  });

  it('prints one JSON value a line, or one indented', () => {
    const { output, stdout } = memoryOutput();
    output.json({ a: [1] }, { line: true });
    output.json({ a: 1 });
    expect(stdout()).toBe('{"a":[1]}\n{\n  "a": 1\n}\n');
  });
});

describe('table', () => {
  it('aligns columns and leaves no blanks at the end', () => {
    const rows = [
      ['build', '1', 'x'],
      ['a-longer-name', '12', ''],
    ];
    expect(table(['NAME', 'V', 'TEXT'], rows).split('\n')).toEqual([
      'NAME           V   TEXT',
      'build          1   x',
      'a-longer-name  12',
    ]);
  });
});
