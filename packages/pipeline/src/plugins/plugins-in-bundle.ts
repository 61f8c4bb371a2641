// The plugins of a bundle: the folders plugins/<name> that have a plugin.lua.
import { createHash } from 'node:crypto';
import type { PipelineBundle } from '@rivet/protocol';
import { isPluginName, PLUGIN_MAIN, pluginFolder } from './plugin-name.ts';

/** One plugin's files in a bundle. */
export interface BundledPlugin {
  readonly name: string;
  /** Text by path below the plugin's folder: `plugin.lua`, `lib/url.lua`. */
  readonly files: ReadonlyMap<string, string>;
}

/** The plugins of a bundle by name, in the order of their names. */
export function pluginsInBundle(bundle: PipelineBundle): ReadonlyMap<string, BundledPlugin> {
  const plugins = new Map<string, Map<string, string>>();
  for (const path of Object.keys(bundle.files).sort()) {
    const [, name, rest] = /^plugins\/([^/]+)\/(.+)$/u.exec(path) ?? [];
    if (name === undefined || rest === undefined || !isPluginName(name)) continue;
    if (!Object.hasOwn(bundle.files, `${pluginFolder(name)}/${PLUGIN_MAIN}`)) continue;
    const files = plugins.get(name) ?? new Map<string, string>();
    files.set(rest, bundle.files[path] ?? '');
    plugins.set(name, files);
  }
  return new Map([...plugins].map(([name, files]) => [name, { name, files }]));
}

/** SHA-256 in hex of a plugin's files in the bundle, whatever their order. */
export function pluginDigest({ files }: BundledPlugin): string {
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
}

/** What `require` finds beside the main file: module names of the files that are no plugin's. */
export function ownModules(bundle: PipelineBundle): string[] {
  const plugins = pluginsInBundle(bundle);
  return Object.keys(bundle.files)
    .filter((path) => path !== bundle.main && path.endsWith('.lua'))
    .filter((path) => !plugins.has(/^plugins\/([^/]+)\//u.exec(path)?.[1] ?? ''))
    .map((path) => path.replace(/(\/init)?\.lua$/, '').replaceAll('/', '.'))
    .sort();
}
