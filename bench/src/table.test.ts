// Rows as text.
import { expect, test } from 'vitest';
import { oursAtMost, ratioAtMost, row } from './measure.ts';
import { markdownTable, tableLines } from './table.ts';

const rows = [
  row({
    name: 'command',
    against: 'podman exec | cat',
    unit: 'ms',
    ours: [4, 5, 6],
    peer: [150, 160, 170],
    target: ratioAtMost(0.04),
  }),
  row({ name: 'lag', unit: 'ms', ours: [1, 80], figure: 'p99', target: oursAtMost(50), note: 'n' }),
  row({ name: 'plain', unit: '1/s', ours: [1000] }),
];

test('a table tells figures, ratio, target and verdict of each row', () => {
  const [, command = '', lag = '', plain = ''] = tableLines(rows);
  expect(command).toMatch(
    /^command +ms +4\.00 \/ 5\.00 \/ 6\.00 \/ 6\.00 +150 \/ 160 \/ 170 \/ 170 +0\.031 +≤ 0\.04× +met /,
  );
  expect(lag).toMatch(
    /^lag, p99 \(n\) +ms +1\.00 \/ 40\.5 \/ 80\.0 \/ 80\.0 +– +– +≤ 50 ms +missed/,
  );
  expect(plain).toMatch(/^plain +1\/s +1000 \/ 1000 \/ 1000 \/ 1000 +– +– +– +– +–$/);
});

test('columns of a table stand below each other', () => {
  const lines = tableLines(rows);
  const starts = lines.slice(0, 2).map((line) => line.search(/peer \(min|150 \//));
  expect(new Set(starts).size).toBe(1);
});

test('a bar in a cell does not make another column in Markdown', () => {
  const [header = '', rule = '', command = ''] = markdownTable(rows);
  const columns = (line: string): number => line.split(/(?<!\\)\|/).length;
  expect(columns(command)).toBe(columns(header));
  expect(columns(rule)).toBe(columns(header));
  expect(command).toContain('podman exec \\| cat');
});
