// Where the parts of this installation are on disk.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBuild } from '@rivet/base';
import type { Environment } from './config-file.ts';

/** Programs that the CLI starts. */
export type Program = 'orchestrator' | 'migrate' | 'bootstrap' | 'backup' | 'runner' | 'sweeper';

const entries: Readonly<Record<Program, string>> = {
  orchestrator: 'apps/orchestrator/src/main.ts',
  migrate: 'apps/orchestrator/src/migrate.ts',
  bootstrap: 'apps/orchestrator/src/bootstrap.ts',
  backup: 'apps/orchestrator/src/backup.ts',
  runner: 'apps/runner/src/main.ts',
  sweeper: 'apps/cli/src/sweeper/main.ts',
};

/** The directory with what was built from the sources that are there; undefined when none was. */
export function freshBuild(): string | undefined {
  return findBuild(installationRoot(), 'rivet');
}

/** Absolute path of a program's entry: as it was built, unless a source has changed since. */
export function programEntry(program: Program, env: Environment): string {
  const build = env.RIVET_BUNDLED === 'off' ? undefined : findBuild(installationRoot(), program);
  return build === undefined ? fromRoot(entries[program]) : join(build, `${program}.cjs`);
}

/** Absolute path of the directory that has all of it. */
export function installationRoot(): string {
  return fromRoot('.').replace(/(.)\/$/, '$1');
}

/** Absolute path of the directory with the type stubs. */
export function stubsDirectory(): string {
  return fromRoot('stubs');
}

/** Absolute path of the plugins that come with Rivet. */
export function pluginsDirectory(): string {
  return fromRoot('plugins');
}

function fromRoot(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}
