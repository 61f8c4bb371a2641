// Shows warnings to people, as mistakes are shown.
import { excerpt, type IssueStyle, inert, plain } from '../render-issues.ts';
import type { LintWarning } from './lint-bundle.ts';

/** Warnings for a terminal, with an empty line between two; without a line feed at the end. */
export function renderWarnings(
  warnings: readonly LintWarning[],
  style: IssueStyle = plain,
): string {
  return warnings.map((warning) => renderWarning(warning, style)).join('\n\n');
}

function renderWarning(warning: LintWarning, style: IssueStyle): string {
  const { rule, message, file, line, column, hint, nearest } = warning;
  const place = [inert(file), line, ...(column === undefined ? [] : [column])].join(':');
  return [
    `${style.error('warning:')} ${style.bold(inert(message))} ${style.dim(`[${rule}]`)}`,
    `  ${style.dim('-->')} ${place}`,
    ...excerpt(warning, style),
    ...(nearest === undefined ? [] : [`  did you mean "${inert(nearest)}"?`]),
    `  ${inert(hint)}`,
  ].join('\n');
}
