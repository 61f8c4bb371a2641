// What a plugin may be called, and where its files lie in a bundle.

/** Begins with a letter: the name is a folder and what `require` is given. */
const PLUGIN_NAME = /^[a-z][a-z0-9_-]{0,49}$/;

export const PLUGIN_NAME_EXPECTED =
  '1 to 50 lower case letters, digits, _ and -, beginning with a letter';

export function isPluginName(name: string): boolean {
  return PLUGIN_NAME.test(name);
}

/** The folder of a plugin in a bundle. */
export function pluginFolder(name: string): string {
  return `plugins/${name}`;
}

/** The file that makes a folder a plugin. */
export const PLUGIN_MAIN = 'plugin.lua';
