// fs.glob: the paths in the workspace that match patterns.
import { setImmediate } from 'node:timers/promises';
import { RivetError } from '@rivet/base';
import { compileGlobs, type GlobState } from './glob-pattern.ts';
import { PatternMistake } from './glob-segment.ts';
import { type Entry, type Jail, wrongKind } from './jail.ts';
import { type NamedEntry, readDirectory, spend, type TreeBudget } from './read-directory.ts';
import { type PathBytes, pathText } from './script-path.ts';

const ENTRIES_A_TURN = 1000;

export interface GlobOptions {
  /** Directory that the patterns start from. */
  readonly cwd: PathBytes;
  /** What matches one of these is left out; a directory with all that is in it. */
  readonly exclude: readonly string[];
  readonly kind: 'file' | 'directory' | 'any';
  readonly hidden: boolean;
  /** What may be found. */
  readonly most: TreeBudget;
}

/**
 * Paths that match one of the patterns, sorted by their bytes. Links are not entered; as files and
 * directories count those that lead to one in the workspace.
 * @throws RIVET_FS_GLOB, RIVET_FS_TOO_MANY, and what `Jail.find` raises
 */
export async function globFiles(
  jail: Jail,
  patterns: readonly string[],
  { cwd, exclude, kind, hidden, most }: GlobOptions,
  budget: TreeBudget,
): Promise<PathBytes[]> {
  const start = jail.find(cwd, { follow: true });
  if (start.entry.kind !== 'directory') {
    throw wrongKind(jail.call, start.path, start.entry, 'a directory');
  }
  const wanted = compile(jail, patterns, hidden);
  const unwanted = compile(jail, exclude, true);
  const found: PathBytes[] = [];
  let looked = 0;
  const visit = async (
    directory: Entry,
    at: PathBytes,
    states: readonly [wanted: GlobState, unwanted: GlobState],
    depth: number,
  ): Promise<void> => {
    for (const named of await readDirectory(jail.call, directory, at, budget)) {
      looked += 1;
      if (looked % ENTRIES_A_TURN === 0) await setImmediate();
      const name = pathText(named.name);
      const into = states[0].enter(name);
      if (!into.matched && !into.open) continue;
      const out = states[1].enter(name);
      if (out.matched) continue;
      if (into.matched && isKind(jail, named, kind)) {
        spend(jail.call, start.path, most, named.path);
        found.push(named.path);
      }
      if (!named.directory || !into.open) continue;
      const entry = jail.lookup(directory, named.name, named.path);
      if (entry === undefined) continue;
      if (entry.kind === 'directory') {
        if (depth === 0) throw jail.tooDeep(named.path);
        await visit(entry, named.path, [into, out], depth - 1);
      }
      jail.handles.close(entry.fd);
    }
  };
  await visit(start.entry, start.path, [wanted, unwanted], jail.depthMax);
  return found.sort();
}

/** Each on its own first, so that an error names the one that is wrong. */
function compile(jail: Jail, patterns: readonly string[], hidden: boolean): GlobState {
  for (const pattern of patterns) {
    try {
      compileGlobs([pattern], hidden);
    } catch (error) {
      if (!(error instanceof PatternMistake)) throw error;
      throw RivetError.of('RIVET_FS_GLOB', {
        function: jail.call.function,
        pattern: JSON.stringify(pattern.length > 100 ? `${pattern.slice(0, 100)}…` : pattern),
        reason: error.message,
      });
    }
  }
  return compileGlobs(patterns, hidden);
}

function isKind(jail: Jail, named: NamedEntry, kind: GlobOptions['kind']): boolean {
  if (kind === 'any') return true;
  if (!named.link) return named.directory === (kind === 'directory') && !named.special;
  const open = jail.handles.count;
  try {
    return jail.find(named.path, { follow: true }).entry.kind === kind;
  } catch (error) {
    // It leads to nothing, or out of the workspace.
    if (error instanceof RivetError) return false;
    throw error;
  } finally {
    jail.handles.closeSince(open);
  }
}
