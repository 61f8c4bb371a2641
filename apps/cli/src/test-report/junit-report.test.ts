// JUnit XML of results, whatever is in their texts.
import { RivetError } from '@rivet/base';
import type { CaseReport } from '@rivet/engine';
import { expect, test } from 'vitest';
import { junitReport } from './junit-report.ts';

function summaryOf(name: string, what: string, log: string) {
  const failure = RivetError.of('RIVET_TEST_EXPECTATION', { what, expected: '<a>', actual: '&' });
  const report: CaseReport = {
    name,
    position: { file: 'a_test.lua', line: 1 },
    state: 'failed',
    durationMs: 12,
    failure,
    notes: [],
    logs: [[log]],
  };
  const files = [{ path: 'a "b"_test.lua', cases: [report], problem: undefined, durationMs: 20 }];
  return { files, passed: 0, failed: 1, skipped: 0, durationMs: 1234 };
}

test('holds nothing that XML cannot, and escapes what has a meaning in it', () => {
  const xml = junitReport(summaryOf('1 < "2"', 'a]]>\u0000b\u001b[31m', 'x & y \ud800'));
  expect(xml).toContain('name="a &quot;b&quot;_test.lua" tests="1" failures="1" skipped="0"');
  expect(xml).toContain('name="1 &lt; &quot;2&quot;"');
  expect(xml).toContain('message="a]]&gt;\ufffdb\ufffd[31m"');
  expect(xml).toContain('<system-out>x &amp; y \ufffd</system-out>');
  expect(xml).toContain('expected:\n&lt;a&gt;\nactual:\n&amp;</failure>');
  expect(xml).toContain('time="1.234"');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(xml).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/);
});

test('a file that could not be run is a failing case of its own', () => {
  const problem = RivetError.of('RIVET_TEST_NO_CASES', { path: 'x_test.lua' });
  const files = [{ path: 'x_test.lua', cases: [], problem, durationMs: 1 }];
  const xml = junitReport({ files, passed: 0, failed: 1, skipped: 0, durationMs: 1 });
  expect(xml).toContain('<testsuite name="x_test.lua" tests="1" failures="1"');
  expect(xml).toContain('<testcase classname="x_test.lua" name="the file">');
  expect(xml).toContain('type="RIVET_TEST_NO_CASES"');
});
