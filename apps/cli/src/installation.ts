// Where the parts of this installation are on disk.
import { fileURLToPath } from 'node:url';

/** Programs that the CLI starts. */
export type Program = 'orchestrator' | 'migrate' | 'bootstrap' | 'runner';

const entries: Readonly<Record<Program, string>> = {
  orchestrator: 'apps/orchestrator/src/main.ts',
  migrate: 'apps/orchestrator/src/migrate.ts',
  bootstrap: 'apps/orchestrator/src/bootstrap.ts',
  runner: 'apps/runner/src/main.ts',
};

/** Absolute path of a program's entry. */
export function programEntry(program: Program): string {
  return fromRoot(entries[program]);
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
