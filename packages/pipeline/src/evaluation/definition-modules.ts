// The module `pipeline` that a pipeline file sees.
import { readFileSync } from 'node:fs';
import type { LuaModuleSpec } from '@rivet/lua';

const source = readFileSync(new URL('../lua/pipeline.lua', import.meta.url), 'utf8');

/**
 * The module `pipeline`: `define`, `builder`, `input`, `stage`, `tag`. It has no host functions.
 */
export function definitionModules(): LuaModuleSpec[] {
  return [{ name: 'pipeline', functions: [], source }];
}
