// Three kinds of test: unit (what a developer waits for after each change), integration (real
// PostgreSQL, real Podman, programs that are built) and end to end (the real programs).
import { defineConfig } from 'vitest/config';

// What scripts/test-programs.sh has unpacked, after what is installed.
const programs = new URL('.setup/programs/usr', import.meta.url).pathname;
process.env.PATH = `${process.env.PATH}:${programs}/bin:${programs}/sbin`;

const notTests = ['**/node_modules/**', '**/vendor/**'];

/** What is waited for comes within milliseconds, or after the other work of a busy machine. */
const expect = { poll: { timeout: 30_000 } };

export default defineConfig({
  test: {
    // Most tests wait for processes more than they compute: more workers than processors.
    maxWorkers: 4,
    projects: [
      {
        test: {
          name: 'unit',
          expect,
          include: ['tidy.test.ts', '{packages,apps,bench,scripts,docs}/**/*.test.ts'],
          exclude: [...notTests, '**/*.integration.test.ts'],
          // Files share a process and its modules: most of the time went into loading them anew for
          // each. Their order is nobody's to rely on; `--sequence.shuffle` shows who does.
          isolate: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'integration',
          expect,
          include: ['{packages,apps,scripts,simulation}/**/*.integration.test.ts'],
          exclude: notTests,
          globalSetup: ['packages/testing/src/global-setup.ts'],
          testTimeout: 240_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'e2e',
          expect,
          include: ['e2e/**/*.test.ts'],
          exclude: notTests,
          globalSetup: ['packages/testing/src/global-setup.ts'],
          testTimeout: 480_000,
          hookTimeout: 240_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
