// Finds plugins on disk: each place is a folder of plugins, the first that has a name wins.
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isPluginName, PLUGIN_MAIN } from './plugin-name.ts';

/**
 * Whose plugins they are: `pipeline` the folder plugins/ beside the file, `path`
 * RIVET_PLUGINS_PATH, `user` the person's configuration, `installation` those that come with Rivet.
 */
export type PluginOrigin = 'pipeline' | 'path' | 'user' | 'installation';

/** A folder with a folder for each plugin. It need not exist. */
export interface PluginPlace {
  readonly path: string;
  readonly origin: PluginOrigin;
}

export interface FoundPlugin {
  readonly name: string;
  /** Its real path. */
  readonly folder: string;
  readonly origin: PluginOrigin;
  /** Folders of plugins of the same name in later places. */
  readonly hides: readonly string[];
}

/** The plugin of a name, undefined when no place has it. */
export function createPluginFinder(
  places: readonly PluginPlace[],
): (name: string) => Promise<FoundPlugin | undefined> {
  return async (name) => {
    if (!isPluginName(name)) return undefined;
    const found: { folder: string; origin: PluginOrigin }[] = [];
    for (const { path, origin } of places) {
      const folder = await pluginFolderIn(path, name);
      // The same folder may be reached from two places.
      if (folder === undefined || found.some((other) => other.folder === folder)) continue;
      found.push({ folder, origin });
    }
    const [first, ...hidden] = found;
    return first === undefined
      ? undefined
      : { name, ...first, hides: hidden.map(({ folder }) => folder) };
  };
}

/** Every plugin of the places by name; those that are hidden stand with the one that hides them. */
export async function findPlugins(places: readonly PluginPlace[]): Promise<FoundPlugin[]> {
  const names = new Set<string>();
  for (const { path } of places) {
    for (const name of await readdir(path).catch(() => [])) names.add(name);
  }
  const find = createPluginFinder(places);
  const found = await Promise.all([...names].sort().map(find));
  return found.filter((plugin) => plugin !== undefined);
}

async function pluginFolderIn(place: string, name: string): Promise<string | undefined> {
  const folder = join(place, name);
  const main = await stat(join(folder, PLUGIN_MAIN)).catch(() => undefined);
  return main === undefined ? undefined : await realpath(folder);
}
