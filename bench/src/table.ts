// The rows of a result as a table: for a terminal, and in Markdown.
import type { Row, Spread, Unit } from './measure.ts';
import type { Outcome } from './result.ts';

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
  return markdownLines(HEADER, rows.map(cellsOf));
}

/** The rows with a target, in Markdown: the figures that were held against it. */
export function promisesTable(outcomes: readonly Outcome[]): string[] {
  const cells = outcomes.flatMap(({ name, rows }) =>
    rows
      .filter(({ target }) => target !== undefined)
      .map((row) => [
        titleOf(row),
        withUnit(row.ours[row.figure], row.unit),
        row.peer === undefined ? '–' : withUnit(row.peer.median, row.unit),
        ratioText(row),
        targetText(row),
        verdictOf(row),
        row.against ?? '–',
        `\`${name}\``,
      ]),
  );
  const header = ['figure', 'Rivet', 'peer', 'ratio', 'target', 'verdict', 'the peer', '`--only`'];
  return markdownLines(header, cells);
}

function markdownLines(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)];
}

function cellsOf(row: Row): string[] {
  const { unit, ours, peer, against } = row;
  return [
    titleOf(row),
    unit,
    spread(ours),
    peer === undefined ? '–' : spread(peer),
    ratioText(row),
    targetText(row),
    verdictOf(row),
    against ?? '–',
  ];
}

function titleOf({ name, figure, note }: Row): string {
  return (
    (figure === 'median' ? name : `${name}, ${figure}`) + (note === undefined ? '' : ` (${note})`)
  );
}

function ratioText({ ratio }: Row): string {
  return ratio === undefined ? '–' : ratio.toFixed(ratio < 0.1 ? 3 : 2);
}

function verdictOf({ met }: Row): string {
  return { true: 'met', false: 'missed', undefined: '–' }[`${met}`];
}

function targetText({ target, unit }: Row): string {
  if (target === undefined) return '–';
  const sign = target.bound === 'at most' ? '≤' : '≥';
  const value = Number(target.value.toPrecision(4));
  return `${sign} ${value}${target.of === 'ratio' ? '×' : unit === 'count' ? '' : ` ${unit}`}`;
}

function spread({ min, median, p99, max }: Spread): string {
  return [min, median, p99, max].map(number).join(' / ');
}

function withUnit(value: number, unit: Unit): string {
  return unit === 'count' ? String(Math.round(value)) : `${number(value)} ${unit}`;
}

function number(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}
