// The programs of an installation besides the command line, and where each is on disk.
import { join } from 'node:path';
import { findBuild } from './build.ts';

/** The source of each program, below the root of the installation. */
export const programSources = {
  orchestrator: 'apps/orchestrator/src/main.ts',
  migrate: 'apps/orchestrator/src/migrate.ts',
  bootstrap: 'apps/orchestrator/src/bootstrap.ts',
  backup: 'apps/orchestrator/src/backup.ts',
  runner: 'apps/runner/src/main.ts',
  sweeper: 'apps/cli/src/sweeper/main.ts',
} as const;

export type Program = keyof typeof programSources;

/**
 * Absolute path to start the program at `source` from: as it was built, unless a source has changed
 * since, it is none that is built, or `RIVET_BUNDLED` is off.
 * @param root of the installation
 * @param source below it
 */
export function programEntry(
  root: string,
  source: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const [name] = Object.entries(programSources).find(([, path]) => path === source) ?? [];
  const build =
    name === undefined || env.RIVET_BUNDLED === 'off' ? undefined : findBuild(root, name);
  return build === undefined ? join(root, source) : join(build, `${name}.cjs`);
}
