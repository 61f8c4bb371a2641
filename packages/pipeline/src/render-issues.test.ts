// Issues as a person reads them.
import { expect, test } from 'vitest';
import { renderIssues } from './render-issues.ts';

test('an issue is shown with its line, a caret, what was found and what was meant', () => {
  const issue = {
    path: 'stages[2].needs[1]',
    message: 'no stage has the name "biuld"',
    expected: 'the name of another stage',
    nearest: 'build',
    file: 'pipeline.lua',
    line: 14,
    column: 17,
    source_line: '\t\tneeds = {     "biuld" },',
  };
  expect(renderIssues([issue])).toBe(
    [
      'error: no stage has the name "biuld"',
      '  --> pipeline.lua:14:17 (stages[2].needs[1])',
      '     |',
      '  14 |     needs = {     "biuld" },',
      '     |                   ^',
      '  expected the name of another stage',
      '  did you mean "build"?',
    ].join('\n'),
  );
});

test('what is not known is left out', () => {
  expect(renderIssues([{ path: '', message: 'wrong' }])).toBe('error: wrong');
  expect(renderIssues([{ path: 'inputs.a', message: 'wrong', found: '4' }])).toBe(
    'error: wrong\n  --> inputs.a\n  found 4',
  );
  expect(renderIssues([])).toBe('');
});

test('a long line is cut around the place that matters', () => {
  const source_line = `${'a'.repeat(300)}HERE${'b'.repeat(300)}`;
  const text = renderIssues([
    { path: '', message: 'm', file: 'f', line: 1, column: 301, source_line },
  ]);
  const [, , , shown = '', caret = ''] = text.split('\n');
  expect(shown.length).toBeLessThan(120);
  expect(shown.slice(caret.indexOf('^'), caret.indexOf('^') + 4)).toBe('HERE');
});

test('nothing in an issue moves the cursor or changes the colours of a terminal', () => {
  const evil = '\x1b]0;title\x07\x1b[31m\r\u202e\u009b2J';
  const text = renderIssues([
    {
      path: evil,
      message: evil,
      found: evil,
      expected: evil,
      nearest: evil,
      file: evil,
      line: 1,
      source_line: evil,
    },
  ]);
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});

test('colours come from the style', () => {
  const style = {
    error: (text: string) => `<e>${text}</e>`,
    dim: (text: string) => text,
    bold: (text: string) => `<b>${text}</b>`,
  };
  expect(renderIssues([{ path: '', message: 'm' }], style)).toBe('<e>error:</e> <b>m</b>');
});
