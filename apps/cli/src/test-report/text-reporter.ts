// Test results for people: a line for each case, and for each that failed why.
import { formatDuration, type RivetError } from '@rivet/base';
import type { CaseReport } from '@rivet/engine';
import { positionOf } from '@rivet/lua';
import type { Output, Style } from '../output.ts';
import { diffLines } from './line-diff.ts';
import type { FileReport, TestReporter, TestSummary } from './test-reporter.ts';

/** Lines of a failing case's log that are shown; all are in the JSON. */
const LOG_LINES_MAX = 40;

export function createTextReporter(output: Output): TestReporter {
  const { style } = output;
  return {
    file: (path) => output.line(style.bold(path)),
    case: (report) => {
      for (const line of caseLines(report, style)) output.line(line);
    },
    fileEnd({ cases, problem }: FileReport) {
      if (problem !== undefined) {
        output.line(`  ${style.red('FAIL')} the file could not be run`);
        for (const line of failureLines(problem, style)) output.line(`       ${line}`);
      } else if (cases.length === 0) output.line(style.dim('  no case has such a name'));
    },
    end: (summary) => output.line(`\n${summaryLine(summary, style)}`),
  };
}

function caseLines(report: CaseReport, style: Style): string[] {
  const { name, state, durationMs, failure, notes, logs } = report;
  const took = style.dim(`(${formatDuration(Math.round(durationMs))})`);
  const noteLines = notes.flatMap((note) =>
    note.split('\n').map((line) => `       ${style.yellow('note:')} ${line}`),
  );
  if (state === 'skipped') return [style.dim(`  skip ${name}`)];
  if (failure === undefined) return [`  ${style.green('ok')}   ${name} ${took}`, ...noteLines];
  // What was not mocked says it all.
  const log = failure.code === 'RIVET_TEST_UNMOCKED' ? [] : logLines(logs, style);
  const detail = [...failureLines(failure, style), ...log];
  return [
    `  ${style.red('FAIL')} ${style.bold(name)} ${took}`,
    ...detail.map((line) => (line === '' ? '' : `       ${line}`)),
    ...noteLines,
    '',
  ];
}

/** What happened, the difference, and the line of the test with a caret. */
function failureLines(failure: RivetError, style: Style): string[] {
  const { expected, actual } = failure.details;
  const [first = '', ...more] = failure.message.split('\n');
  return [
    style.red(first),
    ...more,
    ...difference(expected, actual, style),
    ...place(failure, style),
    ...traceback(failure, style),
    ...(failure.code === 'RIVET_TEST_EXPECTATION' ? [] : [style.dim(`hint: ${failure.solve}`)]),
  ];
}

function difference(expected: unknown, actual: unknown, style: Style): string[] {
  if (typeof actual !== 'string') return [];
  if (typeof expected !== 'string') return actual.split('\n').map((line) => `  ${line}`);
  const legend = `${style.green('- expected')}  ${style.red('+ actual')}`;
  const lines = diffLines(expected, actual).map(({ kind, text }) => {
    if (kind === 'same') return `    ${text}`;
    return kind === 'expected' ? style.green(`  - ${text}`) : style.red(`  + ${text}`);
  });
  return [`  ${legend}`, ...lines];
}

function place(failure: RivetError, style: Style): string[] {
  const position = positionOf(failure);
  if (position === undefined) return [];
  const { file, line, column } = position;
  const source = failure.details.source_line;
  const where = style.dim('-->');
  const lines = [`  ${where} ${file}:${line}${column === undefined ? '' : `:${column}`}`];
  if (typeof source !== 'string') return lines;
  const number = String(line);
  const margin = ' '.repeat(number.length);
  const caret = column === undefined ? source.length - source.trimStart().length : column - 1;
  return [
    ...lines,
    `  ${style.dim(`${number} |`)} ${source.replaceAll('\t', ' ')}`,
    `  ${style.dim(`${margin} |`)} ${' '.repeat(Math.min(caret, source.length))}${style.red('^')}`,
  ];
}

/** The way to the line, when it went through functions of the test. */
function traceback(failure: RivetError, style: Style): string[] {
  const frames = failure.details.traceback;
  if (!Array.isArray(frames) || frames.length < 2) return [];
  return frames.map((frame) => style.dim(`    ${String(frame)}`));
}

function logLines(logs: CaseReport['logs'], style: Style): string[] {
  return logs.flatMap((lines, index) => {
    if (lines.length === 0) return [];
    const which = logs.length > 1 ? ` of run ${index + 1}` : '';
    const left = Math.max(0, lines.length - LOG_LINES_MAX);
    return [
      style.dim(`log${which}:`),
      ...(left === 0 ? [] : [style.dim(`  … ${left} lines before`)]),
      ...lines.slice(left).map((line) => style.dim(`  ${line}`)),
    ];
  });
}

function summaryLine(
  { files, passed, failed, skipped, durationMs }: TestSummary,
  style: Style,
): string {
  const counts = [
    ...(failed > 0 ? [style.red(`${failed} failed`)] : []),
    style.green(`${passed} passed`),
    ...(skipped > 0 ? [style.dim(`${skipped} skipped`)] : []),
  ];
  const where = files.length === 1 ? '1 file' : `${files.length} files`;
  return `${counts.join(', ')} in ${where} ${style.dim(`(${formatDuration(Math.round(durationMs))})`)}`;
}
