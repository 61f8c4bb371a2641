// Reads the pipeline file of a command with its plugins, and says which plugins hide others.
import { dirname, join, resolve } from 'node:path';
import { findPlugins, type PluginPlace, type PluginSearch, readPipeline } from '@rivet/pipeline';
import type { PipelineBundle } from '@rivet/protocol';
import type { CommandContext } from './command.ts';
import type { Config } from './config.ts';

/** A pipeline, and where its plugins were looked for. */
export interface PipelineFile {
  readonly bundle: PipelineBundle;
  readonly search: PluginSearch;
}

/** @throws like `readPipeline` */
export async function readPipelineFile(
  file: string,
  { pluginPlaces }: Pick<Config, 'pluginPlaces'>,
  { cwd, output }: Pick<CommandContext, 'cwd' | 'output'>,
): Promise<PipelineFile> {
  const path = resolve(cwd, file);
  const { bundle, plugins } = await readPipeline(path, pluginPlaces);
  for (const { name, folder, hides } of plugins) {
    if (hides.length === 0) continue;
    output.note(`The plugin "${name}" is the one in ${folder}; it hides ${hides.join(' and ')}`);
  }
  const places = [ownPlace(dirname(path)), ...pluginPlaces];
  const found = await findPlugins(places);
  const search = { folders: places.map((place) => place.path), names: found.map(nameOf) };
  return { bundle, search };
}

/** The plugins of a project: `plugins/` in the directory of the pipeline file. */
export function ownPlace(directory: string): PluginPlace {
  return { path: join(directory, 'plugins'), origin: 'pipeline' };
}

const nameOf = ({ name }: { readonly name: string }): string => name;
