// The module `pipeline` that a pipeline file sees, and the loader of its plugins behind it.
import { readFileSync } from 'node:fs';
import type { LuaModuleSpec, LuaValue } from '@rivet/lua';
import type { PipelineBundle } from '@rivet/protocol';
import { ownModules, pluginsInBundle } from '../plugins/plugins-in-bundle.ts';

const source = read('plugins') + read('pipeline');

/**
 * The module `pipeline`: `define`, `builder`, `input`, `stage`, `tag`. It has no host functions.
 * @param bundle whose plugins `require` loads; none when absent
 * @param modules the core modules that a plugin can declare
 */
export function definitionModules(
  bundle: PipelineBundle = { main: 'pipeline.lua', files: {} },
  modules: readonly string[] = [],
): LuaModuleSpec[] {
  const plugins: Record<string, LuaValue> = {};
  for (const [name, { files }] of pluginsInBundle(bundle)) {
    plugins[name] = Object.fromEntries(files);
  }
  // The loader takes this field away before any script runs.
  const loader = { main: bundle.main, own: ownModules(bundle), modules: [...modules], plugins };
  return [{ name: 'pipeline', functions: [], source, fields: { loader } }];
}

function read(name: string): string {
  return readFileSync(new URL(`../lua/${name}.lua`, import.meta.url), 'utf8');
}
