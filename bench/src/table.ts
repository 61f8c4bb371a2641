// The rows of a result as a table for people.
import type { Row, Spread } from './measure.ts';

const HEADER = [
  'benchmark',
  'unit',
  'rivet (min/median/max)',
  'peer (min/median/max)',
  'ratio',
  'peer',
];

export function tableLines(rows: readonly Row[]): string[] {
  const cells = [
    HEADER,
    ...rows.map((row) => [
      row.name,
      row.unit,
      spread(row.ours),
      spread(row.peer),
      row.ratio.toFixed(2),
      row.against,
    ]),
  ];
  const widths = HEADER.map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  return cells.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function spread({ min, median, max }: Spread): string {
  return [min, median, max]
    .map((value) => (value < 100 ? value.toFixed(1) : value.toFixed(0)))
    .join(' / ');
}
