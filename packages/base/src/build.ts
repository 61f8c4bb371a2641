// What `npm run build` made from the sources, and whether it still is what they say.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A source as it was when something was made from it. */
export interface BuiltFrom {
  /** Below the root of the installation. */
  readonly path: string;
  readonly bytes: number;
  /** Time of modification, in milliseconds with fractions. */
  readonly modifiedMs: number;
  readonly sha256: string;
}

/** Stands beside what was built: `<name>.json`. */
export interface BuildStamp {
  /** The Node that built it, and that it was built for. */
  readonly node: string;
  readonly platform: string;
  readonly sources: readonly BuiltFrom[];
}

/** Below the root of an installation: a link to the newest build. */
export const BUILD_DIRECTORY = 'build/current';

/**
 * The directory with a part of the build; undefined when there is none, when it is for another
 * Node, or when a source has changed: what is stale never runs. A look costs a `stat` for each
 * source, and reading those whose time of modification is another (a tree that was copied).
 * @param root of the installation
 * @param name of the stamp, without `.json`
 * @param directory of a build; the newest one when absent
 */
export function findBuild(
  root: string,
  name: string,
  directory: string = join(root, BUILD_DIRECTORY),
): string | undefined {
  try {
    const stamp = JSON.parse(readFileSync(join(directory, `${name}.json`), 'utf8')) as BuildStamp;
    if (stamp.node !== process.version || stamp.platform !== buildPlatform()) return undefined;
    return stamp.sources.every((source) => isUnchanged(root, source)) ? directory : undefined;
  } catch {
    // None, or one that cannot be read: the sources are there.
    return undefined;
  }
}

/** What a stamp says of a source. @throws when it cannot be read */
export function describeSource(root: string, path: string): BuiltFrom {
  const file = join(root, path);
  const { size, mtimeMs } = statSync(file);
  return {
    path,
    bytes: size,
    modifiedMs: mtimeMs,
    sha256: digest(readFileSync(file)),
  };
}

/** The machines that share a build. */
export function buildPlatform(): string {
  return `${process.platform}-${process.arch}`;
}

function isUnchanged(root: string, { path, bytes, modifiedMs, sha256 }: BuiltFrom): boolean {
  const file = `${root}/${path}`;
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined || stats.size !== bytes) return false;
  return stats.mtimeMs === modifiedMs || digest(readFileSync(file)) === sha256;
}

function digest(content: Buffer): string {
  // Loading it takes as long as everything else here, and hardly anybody needs it.
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha256').update(content).digest('hex');
}
