// Runs test files, one after the other: for `rivet test`, and for `rivet plugin test`.
import { relative } from 'node:path';
import { type RivetError, toRivetError } from '@rivet/base';
import { type CaseReport, createTestedPipelines, runTestFile } from '@rivet/engine';
import { createLuaEngine } from '@rivet/lua';
import type { PluginPlace } from '@rivet/pipeline';
import type { CommandContext } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import type { FileReport, TestReporter, TestSummary } from './test-report/test-reporter.ts';

export interface TestRunOptions {
  /** Absolute paths of the test files, in the order in which they are run. */
  readonly files: readonly string[];
  /** No pipeline outside of this directory is read. */
  readonly root: string;
  /** Where the plugins of the pipelines are looked for. */
  readonly pluginPlaces: readonly PluginPlace[];
  /** Image of commands outside of any container, as tests see it. */
  readonly defaultImage: string;
  /** Only cases whose name has this text, whatever its case; all when absent. */
  readonly filter?: string | undefined;
  /** Real time that a case may take, in milliseconds. */
  readonly caseTimeoutMs: number;
  readonly reporters: readonly TestReporter[];
}

/**
 * Runs the files and tells the reporters. What is wrong with one file does not keep the others from
 * being run.
 * @returns the exit code: 0 when every case passed, 1 when one failed, 130 after an interruption
 */
export async function runTests(options: TestRunOptions, context: CommandContext): Promise<number> {
  const beganAt = performance.now();
  const lua = createLuaEngine({ reuseProcesses: true });
  const pipelines = createTestedPipelines(lua, options.root, options.pluginPlaces);
  const files: FileReport[] = [];
  try {
    for (const path of options.files) {
      if (context.interrupt.signal.aborted) break;
      files.push(await runFile(path, options, context, { lua, pipelines }));
    }
  } finally {
    await pipelines.close();
    await lua.close();
  }
  const summary = summarise(files, performance.now() - beganAt);
  for (const reporter of options.reporters) reporter.end(summary);
  if (context.interrupt.signal.aborted) return exitCodes.interrupted;
  return summary.failed > 0 ? exitCodes.failed : exitCodes.success;
}

async function runFile(
  path: string,
  options: TestRunOptions,
  context: CommandContext,
  engine: Pick<Parameters<typeof runTestFile>[0], 'lua' | 'pipelines'>,
): Promise<FileReport> {
  const shown = relative(context.cwd, path) || path;
  const { filter, reporters, defaultImage, caseTimeoutMs } = options;
  const cases: CaseReport[] = [];
  const beganAt = performance.now();
  let problem: RivetError | undefined;
  for (const reporter of reporters) reporter.file(shown);
  try {
    await runTestFile({
      ...engine,
      path,
      defaultImage,
      caseTimeoutMs,
      wanted: (name) => filter === undefined || name.toLowerCase().includes(filter.toLowerCase()),
      signal: context.interrupt.signal,
      onCase: (report) => {
        cases.push(report);
        for (const reporter of reporters) reporter.case(report);
      },
    });
  } catch (error) {
    problem = toRivetError(error);
  }
  const report = { path: shown, cases, problem, durationMs: performance.now() - beganAt };
  for (const reporter of reporters) reporter.fileEnd(report);
  return report;
}

function summarise(files: readonly FileReport[], durationMs: number): TestSummary {
  const count = (state: CaseReport['state']): number =>
    files.flatMap(({ cases }) => cases).filter((each) => each.state === state).length;
  const broken = files.filter(({ problem }) => problem !== undefined).length;
  return {
    files,
    passed: count('passed'),
    failed: count('failed') + broken,
    skipped: count('skipped'),
    durationMs,
  };
}
