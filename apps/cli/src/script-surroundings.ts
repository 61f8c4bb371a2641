// What a script sees besides `pipeline`: the modules of the engine, whose calls are refused here.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type EvaluationOptions,
  type LuaSurface,
  restoreSurface,
  type StoredSurface,
} from '@rivet/pipeline';

export interface ScriptSurroundings extends Pick<EvaluationOptions, 'modules' | 'globals'> {
  /** What scripts see in all; undefined where a VM must be asked. */
  readonly surface: LuaSurface | undefined;
}

/** The file of a build that spares `rivet check` to load the engine and to ask a VM. */
export const SURROUNDINGS_FILE = 'script-surroundings.json';

/** The content of that file. */
export type StoredSurroundings = Pick<EvaluationOptions, 'modules' | 'globals'> & {
  readonly surface: StoredSurface;
};

/** What was read, by directory: of a build that does not change. */
const known = new Map<string, ScriptSurroundings>();

/** @param build the directory with what was built; undefined: the engine is asked */
export async function surroundings(build: string | undefined): Promise<ScriptSurroundings> {
  if (build === undefined) {
    const { coreModules, globalAliases } = await import('@rivet/engine');
    return { modules: coreModules(), globals: globalAliases, surface: undefined };
  }
  let found = known.get(build);
  if (found === undefined) {
    const text = await readFile(join(build, SURROUNDINGS_FILE), 'utf8');
    const stored = JSON.parse(text) as StoredSurroundings;
    found = { ...stored, surface: restoreSurface(stored.surface) };
    known.set(build, found);
  }
  return found;
}
