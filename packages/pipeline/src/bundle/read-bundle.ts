// Reads a pipeline from disk: its main file, the files that it requires, the plugins that it uses.
import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { PipelineBundle } from '@rivet/protocol';
import { createPluginFinder, type FoundPlugin, type PluginPlace } from '../plugins/find-plugins.ts';
import { mentionedPlugins } from '../plugins/mentioned-plugins.ts';
import { isPluginName, PLUGIN_MAIN, pluginFolder } from '../plugins/plugin-name.ts';
import { BundleFiles, refuseOutside } from './bundle-files.ts';
import { readSource, resolvedPath } from './read-source.ts';

/** A pipeline as it was read from disk. */
export interface PipelineFiles {
  readonly bundle: PipelineBundle;
  /** The plugins that were taken into the bundle: where each is from, and which others it hides. */
  readonly plugins: readonly FoundPlugin[];
}

/**
 * Reads a pipeline file and the files below its folder that it reaches through `require("a.b")`:
 * `a/b.lua` or `a/b/init.lua`; and the plugins that it names, which become `plugins/<name>/…`.
 * `main` is the file's base name. CRLF becomes LF and a byte order mark is dropped. A name without
 * a file is left out: `require` and the check of the definition say so where it stands.
 * @param places where plugins are looked for, after `plugins/` beside the pipeline file
 * @throws RIVET_PIPELINE_FILE_NOT_FOUND, RIVET_PIPELINE_FILE_UNREADABLE,
 *   RIVET_PIPELINE_FILE_NOT_TEXT, RIVET_PIPELINE_TOO_LARGE,
 *   RIVET_PIPELINE_FILE_OUTSIDE (a link that leaves the folder)
 */
export async function readPipeline(
  path: string,
  places: readonly PluginPlace[] = [],
): Promise<PipelineFiles> {
  const mainPath = await resolvedPath(path);
  const mainText = await readSource(mainPath, path);
  const folder = await realpath(dirname(path));
  const main = basename(path);
  const read = new BundleFiles(path);
  read.add(main, mainText);
  const missing = await read.addRequired(folder, '', mainText);
  const mentioned = [...read.files.values()].flatMap(mentionedPlugins);
  const own = { path: join(folder, 'plugins'), origin: 'pipeline' } as const;
  const find = createPluginFinder([own, ...places]);
  const plugins: FoundPlugin[] = [];
  for (const name of new Set([...missing.filter(isPluginName), ...mentioned])) {
    const plugin = await find(name);
    if (plugin === undefined) continue;
    plugins.push(plugin);
    await addPlugin(read, plugin);
  }
  return { bundle: { main, files: Object.fromEntries(read.files) }, plugins };
}

/** `readPipeline` for those who don't ask where its plugins are from. */
export async function readBundle(
  path: string,
  places: readonly PluginPlace[] = [],
): Promise<PipelineBundle> {
  return (await readPipeline(path, places)).bundle;
}

/** Takes in the files of a plugin, as plugins/<name>/…. Throws like `readPipeline`. */
export async function addPlugin(read: BundleFiles, { name, folder }: FoundPlugin): Promise<void> {
  const prefix = `${pluginFolder(name)}/`;
  const shown = join(folder, PLUGIN_MAIN);
  const path = await resolvedPath(shown);
  refuseOutside(folder, PLUGIN_MAIN, path);
  // The pipeline's own files may have required it by its path already.
  if (!read.files.has(prefix + PLUGIN_MAIN)) {
    read.add(prefix + PLUGIN_MAIN, await readSource(path, shown));
  }
  const text = read.files.get(prefix + PLUGIN_MAIN) ?? '';
  await read.addRequired(folder, prefix, text);
}
