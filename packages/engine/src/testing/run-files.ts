// Runs test files for the tests of the test runner.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { LuaEngine } from '@rivet/lua';
import { type CaseReport, runTestFile } from '../mock/run-test-file.ts';
import { createTestedPipelines } from '../mock/tested-pipelines.ts';

export interface TestedFiles {
  readonly cases: readonly CaseReport[];
  /** The messages of the failing cases, by name. */
  readonly failures: Readonly<Record<string, string>>;
}

/**
 * Writes the files to a directory of their own and runs `pipeline_test.lua`.
 * @throws what `runTestFile` throws
 */
export async function runFiles(
  lua: LuaEngine,
  files: Readonly<Record<string, string>>,
  options: {
    caseTimeoutMs?: number;
    wanted?: (name: string) => boolean;
    signal?: AbortSignal;
  } = {},
): Promise<TestedFiles> {
  const root = await mkdtemp(join(tmpdir(), 'rivet-mock-'));
  const pipelines = createTestedPipelines(lua, root);
  try {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
    }
    const cases: CaseReport[] = [];
    await runTestFile({
      path: join(root, 'pipeline_test.lua'),
      lua,
      pipelines,
      defaultImage: 'base:1',
      caseTimeoutMs: options.caseTimeoutMs ?? 20_000,
      wanted: options.wanted ?? (() => true),
      onCase: (report) => cases.push(report),
      signal: options.signal ?? new AbortController().signal,
    });
    const failed = cases.filter(({ failure }) => failure !== undefined);
    const failures = Object.fromEntries(
      failed.map(({ name, failure }) => [name, failure?.message ?? '']),
    );
    return { cases, failures };
  } finally {
    await pipelines.close();
    await rm(root, { recursive: true, force: true });
  }
}
