// Test results as JUnit XML, which most tools that show test results read.
import type { RivetError } from '@rivet/base';
import { renderLuaError } from '@rivet/lua';
import type { FileReport, TestSummary } from './test-reporter.ts';

export function junitReport({ files, passed, failed, skipped, durationMs }: TestSummary): string {
  const totals = `tests="${passed + failed + skipped}" failures="${failed}" skipped="${skipped}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${totals} time="${seconds(durationMs)}">`,
    ...files.flatMap(suite),
    '</testsuites>',
    '',
  ].join('\n');
}

function suite({ path, cases, problem, durationMs }: FileReport): string[] {
  const count = (state: string): number => cases.filter((each) => each.state === state).length;
  const broken = problem === undefined ? 0 : 1;
  const totals = `tests="${cases.length + broken}" failures="${count('failed') + broken}" skipped="${count('skipped')}"`;
  const name = attribute(path);
  return [
    `  <testsuite name="${name}" ${totals} time="${seconds(durationMs)}">`,
    ...cases.flatMap((each) => {
      const open = `    <testcase classname="${name}" name="${attribute(each.name)}" time="${seconds(each.durationMs)}"`;
      if (each.state === 'skipped') return [`${open}>`, '      <skipped/>', '    </testcase>'];
      if (each.failure === undefined) return [`${open}/>`];
      const log = each.logs.flat().join('\n');
      const out = log === '' ? [] : [`      <system-out>${text(log)}</system-out>`];
      return [`${open}>`, failure(each.failure), ...out, '    </testcase>'];
    }),
    ...(problem === undefined
      ? []
      : [
          `    <testcase classname="${name}" name="the file">`,
          failure(problem),
          '    </testcase>',
        ]),
    '  </testsuite>',
  ];
}

function failure(error: RivetError): string {
  const { expected, actual } = error.details;
  const pair = [
    ...(typeof expected === 'string' ? [`expected:\n${expected}`] : []),
    ...(typeof actual === 'string' ? [`actual:\n${actual}`] : []),
  ];
  const body = [renderLuaError(error), ...pair].join('\n');
  const message = attribute(error.message.split('\n', 1)[0] ?? '');
  return `      <failure type="${error.code}" message="${message}">${text(body)}</failure>`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** Text that XML 1.0 can hold: most control characters have no form in it. */
function text(value: string): string {
  return value
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}

function attribute(value: string): string {
  return text(value).replaceAll('"', '&quot;').replaceAll('\n', '&#10;');
}
