// The plugins that a definition can name: those of its bundle, with what each says of itself.
import { asRecord, type LuaValue } from '@rivet/lua';
import type { DefinitionIssue, PipelineBundle, PluginUse } from '@rivet/protocol';
import { requiredNames } from '../bundle/required-names.ts';
import { fieldOf } from '../definition/read-fields.ts';
import { type PluginManifest, readManifest } from './plugin-manifest.ts';
import { pluginFolder } from './plugin-name.ts';
import { ownModules, pluginDigest, pluginsInBundle } from './plugins-in-bundle.ts';

export interface KnownPlugin {
  readonly use: PluginUse;
  readonly manifest: PluginManifest;
}

/** Where plugins were looked for, and what is there: for the message about one that is missing. */
export interface PluginSearch {
  readonly folders: readonly string[];
  readonly names: readonly string[];
}

export interface KnownPlugins {
  readonly plugins: ReadonlyMap<string, KnownPlugin>;
  /** Names of plugins whose manifest has mistakes, which are in `issues`. */
  readonly broken: ReadonlySet<string>;
  readonly issues: readonly DefinitionIssue[];
  /** Plugins that the pipeline's own files require by a literal, with the first such file. */
  readonly required: ReadonlyMap<string, string>;
  /** Modules of the pipeline itself, as `require` knows them. */
  readonly own: ReadonlySet<string>;
  readonly search: PluginSearch | undefined;
}

export const noPlugins: KnownPlugins = {
  plugins: new Map(),
  broken: new Set(),
  issues: [],
  required: new Map(),
  own: new Set(),
  search: undefined,
};

/**
 * @param manifests what the loader found, by name of the plugin
 * @param modules the core modules that a plugin can declare
 */
export function knownPlugins(
  bundle: PipelineBundle,
  manifests: LuaValue | undefined,
  modules: readonly string[],
  search: PluginSearch | undefined,
): KnownPlugins {
  const values = asRecord(manifests ?? null);
  const plugins = new Map<string, KnownPlugin>();
  const broken = new Set<string>();
  const issues: DefinitionIssue[] = [];
  const bundled = pluginsInBundle(bundle);
  for (const [name, files] of bundled) {
    const value = values === undefined ? undefined : fieldOf(values, name);
    const read = readManifest(name, value ?? null, modules);
    issues.push(...read.issues);
    const { manifest } = read;
    if (manifest === undefined) broken.add(name);
    else {
      const { version } = manifest;
      const use = { name, version, path: pluginFolder(name), digest: pluginDigest(files) };
      plugins.set(name, { use, manifest });
    }
  }
  const own = new Set(ownModules(bundle));
  const required = requiredPlugins(bundle, [...bundled.keys()], own);
  return { plugins, broken, issues, required, own, search };
}

function requiredPlugins(
  bundle: PipelineBundle,
  plugins: readonly string[],
  own: ReadonlySet<string>,
): Map<string, string> {
  const required = new Map<string, string>();
  for (const [path, text] of Object.entries(bundle.files)) {
    if (plugins.some((name) => path.startsWith(`${pluginFolder(name)}/`))) continue;
    for (const name of requiredNames(text)) {
      if (plugins.includes(name) && !own.has(name) && !required.has(name)) required.set(name, path);
    }
  }
  return required;
}
