// `rivet test`: runs the tests of pipelines, with commands that the tests answer.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { RivetError } from '@rivet/base';
import { defineCommand, flag, integer, many, text } from '../command.ts';
import { loadConfig } from '../config.ts';
import { findTestFiles } from '../find-test-files.ts';
import { jsonReport } from '../test-report/json-report.ts';
import { junitReport } from '../test-report/junit-report.ts';
import type { TestReporter, TestSummary } from '../test-report/test-reporter.ts';
import { createTextReporter } from '../test-report/text-reporter.ts';
import { runTests } from '../test-run.ts';

const TIMEOUT_SECONDS = 60;

export const test = defineCommand({
  details: [
    'Runs the pipelines of test files with the engine of the runners, but no command is started and no time passes:',
    'mock.process says what each command does, and a command that no mock answers fails the case with the line to add.',
    'Without FILE, every something_test.lua and tests/something.lua below the current directory is run.',
    'docs/guide/testing.md shows how to write a test.',
  ].join('\n'),
  examples: [
    { command: 'rivet test', what: 'Every test of the project' },
    { command: 'rivet test pipeline_test.lua', what: 'One file; a directory works too' },
    { command: 'rivet test --filter publish', what: 'The cases that have "publish" in their name' },
    { command: 'rivet test --junit results.xml', what: 'For tools that show test results' },
  ],
  json: [
    '`{passed, failed, skipped, duration_ms, files: [{path, duration_ms, problem?, cases: [{name, state: "passed"|"failed"|"skipped",',
    'file, line, duration_ms, notes, failure?: {code, message, file?, line?, column?, expected?, actual?, solve?}, logs?}]}]}`',
  ].join(' '),
  arguments: { file: many('The test files, or directories with test files') },
  options: {
    filter: text('TEXT', 'Only the cases whose name has this text'),
    junit: text('FILE', 'Write the results to this file as JUnit XML'),
    timeout: integer(
      'SECONDS',
      `Real time a case may take; ${TIMEOUT_SECONDS} when absent`,
      1,
      3600,
    ),
    json: flag('Print JSON'),
  },
  async run(context, { file }, options) {
    const { output, cwd } = context;
    const files = await findTestFiles(file, cwd);
    const { defaultImage, pluginPlaces } = await loadConfig(context.env);
    let summary: TestSummary | undefined;
    const keep: TestReporter = {
      file: () => undefined,
      case: () => undefined,
      fileEnd: () => undefined,
      end: (ended) => {
        summary = ended;
      },
    };
    const exitCode = await runTests(
      {
        files,
        root: cwd,
        defaultImage,
        pluginPlaces,
        filter: options.filter,
        caseTimeoutMs: (options.timeout ?? TIMEOUT_SECONDS) * 1000,
        reporters: options.json ? [keep] : [keep, createTextReporter(output)],
      },
      context,
    );
    if (summary !== undefined) {
      if (options.json) output.json(jsonReport(summary));
      if (options.junit !== undefined) {
        await writeFile(resolve(cwd, options.junit), junitReport(summary));
      }
    }
    refuseNothing(summary, options.filter);
    return exitCode;
  },
});

/** A filter that leaves nothing is a slip, not a success. */
function refuseNothing(summary: TestSummary | undefined, filter: string | undefined): void {
  if (filter === undefined || summary === undefined) return;
  if (summary.passed + summary.failed + summary.skipped > 0) return;
  throw RivetError.of('RIVET_USAGE', {
    problem: `no case has ${JSON.stringify(filter)} in its name`,
    hint: 'Run without --filter to see the names of all cases.',
  });
}
