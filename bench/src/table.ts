// The rows of a result as a table: for a terminal, and in Markdown.
import { isMet, type Row, type Spread } from './measure.ts';

const HEADER = [
  'benchmark',
  'unit',
  'rivet (min/median/p99/max)',
  'peer (min/median/p99/max)',
  'ratio',
  'target',
  'verdict',
  'peer',
];

/** For a terminal: columns padded with blanks. */
export function tableLines(rows: readonly Row[]): string[] {
  const cells = [HEADER, ...rows.map(cellsOf)];
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

/** A table in Markdown. */
export function markdownTable(rows: readonly Row[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(HEADER), line(HEADER.map(() => '---')), ...rows.map((row) => line(cellsOf(row)))];
}

function cellsOf(row: Row): string[] {
  const { name, unit, figure, ours, peer, ratio, against, note } = row;
  return [
    (figure === 'median' ? name : `${name}, ${figure}`) + (note === undefined ? '' : ` (${note})`),
    unit,
    spread(ours),
    peer === undefined ? '–' : spread(peer),
    ratio === undefined ? '–' : ratio.toFixed(ratio < 0.1 ? 3 : 2),
    targetText(row),
    { true: 'met', false: 'missed', undefined: '–' }[`${isMet(row)}`],
    against ?? '–',
  ];
}

function targetText({ target, unit }: Row): string {
  if (target === undefined) return '–';
  const sign = target.bound === 'at most' ? '≤' : '≥';
  return `${sign} ${target.value}${target.of === 'ratio' ? '×' : ` ${unit}`}`;
}

function spread({ min, median, p99, max }: Spread): string {
  return [min, median, p99, max]
    .map((value) => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0))
    .join(' / ');
}
