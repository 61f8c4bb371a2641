// Shows issues to people: where, what is wrong, the source line with a caret, what was expected.
import type { DefinitionIssue } from '@rivet/protocol';

/** Colours of the parts; each function returns its text, coloured or not. */
export interface IssueStyle {
  readonly error: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

export const plain: IssueStyle = { error: same, dim: same, bold: same };

function same(text: string): string {
  return text;
}

/** Issues for a terminal, with an empty line between two; without a line feed at the end. */
export function renderIssues(
  issues: readonly DefinitionIssue[],
  style: IssueStyle = plain,
): string {
  return issues.map((issue) => renderIssue(issue, style)).join('\n\n');
}

function renderIssue(issue: DefinitionIssue, style: IssueStyle): string {
  const lines = [`${style.error('error:')} ${style.bold(inert(issue.message))}`];
  const place = placeOf(issue);
  if (place !== '') lines.push(`  ${style.dim('-->')} ${place}`);
  lines.push(...excerpt(issue, style));
  const found = issue.found === undefined ? [] : [`found ${inert(issue.found)}`];
  const expected = issue.expected === undefined ? [] : [`expected ${inert(issue.expected)}`];
  const said = [...found, ...expected].join('; ');
  if (said !== '') lines.push(`  ${said}`);
  if (issue.nearest !== undefined) lines.push(`  did you mean "${inert(issue.nearest)}"?`);
  if (issue.hint !== undefined) lines.push(`  ${inert(issue.hint)}`);
  return lines.join('\n');
}

/** `pipeline.lua:14:17 (stages[2].needs[1])`, as far as it is known. */
function placeOf({ file, line, column, path }: DefinitionIssue): string {
  const at = [file === undefined ? undefined : inert(file), line, column];
  const place = file === undefined ? '' : at.filter((part) => part !== undefined).join(':');
  if (path === '') return place;
  return place === '' ? inert(path) : `${place} (${inert(path)})`;
}

const WIDTH_MAX = 100;

/** The source line under its number, and a caret: at the column, or below the first word. */
export function excerpt(
  issue: Pick<DefinitionIssue, 'source_line' | 'line' | 'column'>,
  style: IssueStyle,
): string[] {
  const { source_line: source, line } = issue;
  if (source === undefined || line === undefined || source.trim() === '') return [];
  const indent = source.length - source.trimStart().length;
  const at = Math.min(issue.column === undefined ? indent : issue.column - 1, source.length);
  // A long line is shown around the place that matters.
  const start = at > WIDTH_MAX - 20 ? at - WIDTH_MAX / 2 : 0;
  const cut = source.slice(start, start + WIDTH_MAX);
  const shown = `${start > 0 ? '…' : ''}${inert(cut)}${start + WIDTH_MAX < source.length ? '…' : ''}`;
  const before = `${start > 0 ? '…' : ''}${inert(cut.slice(0, at - start))}`;
  const number = String(line);
  const margin = ' '.repeat(number.length);
  return [
    style.dim(`  ${margin} |`),
    `  ${style.dim(`${number} |`)} ${shown}`,
    `  ${style.dim(`${margin} |`)} ${' '.repeat([...before].length)}${style.error('^')}`,
  ];
}

/** One line without characters that a terminal obeys; a tab is two spaces, so that carets fit. */
export function inert(text: string): string {
  return text
    .replaceAll('\t', '  ')
    .replaceAll('\n', ' ')
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '�');
}
