// What vitest calls before the first and after the last integration test.
import type { TestProject } from 'vitest/node';
import { startTestRun, type TestRun } from './test-run.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    rivetDatabase: { adminUrl: string; template: string };
  }
}

interface SharedRun {
  readonly run: Promise<TestRun>;
  users: number;
}

/** Several vitest projects of one run share it; each loads this module anew. */
const shared = globalThis as { rivetTestRun?: SharedRun | undefined };

/** Starts the run for the first project; returns what ends it after the last. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  shared.rivetTestRun ??= { run: startTestRun(), users: 0 };
  const current = shared.rivetTestRun;
  current.users += 1;
  const run = await current.run;
  project.provide('rivetDatabase', { adminUrl: run.adminUrl, template: run.template });
  return async () => {
    current.users -= 1;
    if (current.users > 0) return;
    shared.rivetTestRun = undefined;
    await run.end().catch((error: unknown) => {
      // An error in a teardown is printed, but vitest would still call the run a success.
      process.exitCode = 1;
      throw error;
    });
  };
}
