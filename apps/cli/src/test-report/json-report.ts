// Test results for programs, as `rivet test --json` prints them.
import type { RivetError } from '@rivet/base';
import type { CaseReport } from '@rivet/engine';
import { positionOf } from '@rivet/lua';
import type { TestSummary } from './test-reporter.ts';

export function jsonReport(summary: TestSummary): unknown {
  const { files, passed, failed, skipped, durationMs } = summary;
  return {
    passed,
    failed,
    skipped,
    duration_ms: Math.round(durationMs),
    files: files.map(({ path, cases, problem, durationMs: tookMs }) => ({
      path,
      duration_ms: Math.round(tookMs),
      ...(problem === undefined ? {} : { problem: failureFields(problem) }),
      cases: cases.map(caseFields),
    })),
  };
}

function caseFields(report: CaseReport): Record<string, unknown> {
  const { name, position, state, durationMs, failure, notes, logs } = report;
  return {
    name,
    state,
    file: position.file,
    line: position.line,
    duration_ms: Math.round(durationMs),
    notes,
    ...(failure === undefined ? {} : { failure: failureFields(failure), logs }),
  };
}

function failureFields(failure: RivetError): Record<string, unknown> {
  const { expected, actual } = failure.details;
  const position = positionOf(failure);
  return {
    code: failure.code,
    message: failure.message,
    ...(position ?? {}),
    ...(expected === undefined ? {} : { expected }),
    ...(actual === undefined ? {} : { actual }),
    ...(failure.code === 'RIVET_TEST_EXPECTATION' ? {} : { solve: failure.solve }),
  };
}
