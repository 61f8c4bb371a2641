// Says what a plugin on disk declares, without a pipeline that uses it.
import { asRecord, type LuaEngine } from '@rivet/lua';
import type { DefinitionIssue, PipelineBundle } from '@rivet/protocol';
import { BundleFiles } from '../bundle/bundle-files.ts';
import { addPlugin } from '../bundle/read-bundle.ts';
import { fieldOf } from '../definition/read-fields.ts';
import {
  CREATION_LIMITS,
  type EvaluationOptions,
  programOf,
} from '../evaluation/evaluate-pipeline.ts';
import { luaFailureIssue } from '../evaluation/lua-failure.ts';
import type { FoundPlugin } from './find-plugins.ts';
import { knownPlugins } from './known-plugins.ts';
import type { PluginManifest } from './plugin-manifest.ts';

export type DescribedPlugin =
  | { readonly ok: true; readonly manifest: PluginManifest; readonly digest: string }
  | { readonly ok: false; readonly issues: readonly DefinitionIssue[] };

const MAIN = '[plugin]';

/**
 * Loads a plugin with the modules of `options`, as a pipeline would.
 * @throws like `readPipeline`, and whatever is no fault of the plugin
 */
export async function describePlugin(
  engine: LuaEngine,
  plugin: FoundPlugin,
  options: EvaluationOptions,
): Promise<DescribedPlugin> {
  const read = new BundleFiles(plugin.folder);
  read.add(MAIN, 'return pipeline.define({})');
  await addPlugin(read, plugin);
  const bundle: PipelineBundle = { main: MAIN, files: Object.fromEntries(read.files) };
  const host = { call: () => Promise.reject(new Error('a host call while a plugin is loaded')) };
  const vm = await engine.open(programOf(bundle, options), host, CREATION_LIMITS);
  try {
    const { values } = await vm.evaluate();
    const record = asRecord(values[0] ?? null);
    const manifests = record === undefined ? undefined : fieldOf(record, 'plugins');
    const modules = options.modules.map(({ name }) => name);
    const known = knownPlugins(bundle, manifests, modules, undefined);
    const described = known.plugins.get(plugin.name);
    return described === undefined
      ? { ok: false, issues: known.issues }
      : { ok: true, manifest: described.manifest, digest: described.use.digest };
  } catch (error) {
    const issue = luaFailureIssue(error, bundle.files);
    if (issue === undefined) throw error;
    return { ok: false, issues: [issue] };
  } finally {
    await vm.close();
  }
}
