// Where the parts of this installation are on disk.
import { fileURLToPath } from 'node:url';
import { findBuild, type Program, programEntry, programSources } from '@rivet/base';
import type { Environment } from './config-file.ts';

/** The directory with what was built from the sources that are there; undefined when none was. */
export function freshBuild(): string | undefined {
  return findBuild(installationRoot(), 'rivet');
}

/** Absolute path of a program's entry: as it was built, unless a source has changed since. */
export function entryOf(program: Program, env: Environment): string {
  return programEntry(installationRoot(), programSources[program], env);
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
