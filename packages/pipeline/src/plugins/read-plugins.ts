// Reads the field `plugins` of a definition and holds it against the plugins of the bundle.
import type { LuaValue } from '@rivet/lua';
import type { PluginUse } from '@rivet/protocol';
import { fieldPath, type IssueList } from '../definition/issue-list.ts';
import {
  listReader,
  optional,
  type Reader,
  readRecord,
  required,
} from '../definition/read-fields.ts';
import { showText, showValue } from '../definition/show-value.ts';
import type { KnownPlugin, KnownPlugins } from './known-plugins.ts';
import { isPluginName, PLUGIN_NAME_EXPECTED } from './plugin-name.ts';
import { CONSTRAINT_EXPECTED, versionMatches } from './plugin-version.ts';

/**
 * The plugins of a definition: `{ "git", { name = "archive", version = "1.x" } }`. Each must be in
 * the bundle, and have a version that the pipeline takes.
 */
export function pluginsReader(known: KnownPlugins): Reader<PluginUse[]> {
  return listReader<PluginUse>({
    expected: 'a list of plugins such as { "git", { name = "archive", version = "1.x" } }',
    countMax: 100,
    item: (value, path, issues) => readPlugin(value, path, issues, known)?.use,
    twice: ({ name }) => `the plugin ${showText(name)} is there twice`,
  });
}

/**
 * Reports plugins that are required and not declared, and secrets that a plugin needs and the
 * pipeline does not declare.
 */
export function checkPluginUses(
  uses: readonly PluginUse[],
  secrets: readonly string[],
  known: KnownPlugins,
  issues: IssueList,
): void {
  const declared = new Set(uses.map(({ name }) => name));
  for (const [name, file] of known.required) {
    if (declared.has(name) || known.broken.has(name)) continue;
    issues.add('plugins', {
      message: `${file} requires the plugin ${showText(name)}, which the pipeline does not declare`,
      expected: `plugins = { ${[...declared, name].map((each) => showText(each)).join(', ')} }`,
    });
  }
  for (const { name } of uses) {
    const needed = known.plugins.get(name)?.manifest.needs.secrets ?? [];
    const missing = needed.filter((secret) => !secrets.includes(secret));
    if (missing.length === 0) continue;
    issues.add('secrets', {
      message: `the plugin ${showText(name)} needs secrets that the pipeline does not declare`,
      found: missing.join(', '),
      expected: `secrets = { ${[...secrets, ...missing].map((each) => showText(each)).join(', ')} }`,
    });
  }
}

function readPlugin(
  value: LuaValue,
  path: string,
  issues: IssueList,
  known: KnownPlugins,
): KnownPlugin | undefined {
  if (typeof value === 'string') return find(value, path, issues, known);
  const expected = 'the name of a plugin, or a table such as { name = "git", version = "1.x" }';
  const record = readRecord(value, path, issues, expected, ['name', 'version']);
  if (record === undefined) return undefined;
  const at = fieldPath(path, 'name');
  const name = required(record, 'name', path, issues, 'the name of a plugin', readText);
  const constraint = optional(record, 'version', path, issues, readConstraint);
  const plugin = name === undefined ? undefined : find(name, at, issues, known);
  if (plugin === undefined || constraint === undefined) return plugin;
  if (versionMatches(plugin.use.version, constraint) === false) {
    issues.add(fieldPath(path, 'version'), {
      message: `the plugin ${showText(plugin.use.name)} has another version`,
      found: plugin.use.version,
      expected: constraint,
    });
  }
  return plugin;
}

const readText: Reader<string> = (value, path, issues) => {
  if (typeof value === 'string') return value;
  const expected = 'the name of a plugin';
  issues.add(path, { message: 'name is not text', found: showValue(value), expected });
  return undefined;
};

const readConstraint: Reader<string> = (value, path, issues) => {
  if (typeof value === 'string' && versionMatches('0.0.0', value) !== undefined) return value;
  const message = 'version is not a version or a range of versions';
  issues.add(path, { message, found: showValue(value), expected: CONSTRAINT_EXPECTED });
  return undefined;
};

function find(
  name: string,
  path: string,
  issues: IssueList,
  known: KnownPlugins,
): KnownPlugin | undefined {
  if (!isPluginName(name)) {
    const message = `${showText(name)} is not the name of a plugin`;
    issues.add(path, { message, expected: PLUGIN_NAME_EXPECTED });
    return undefined;
  }
  if (known.own.has(name)) {
    issues.add(path, {
      message: `the pipeline’s own ${name}.lua hides the plugin ${showText(name)}`,
      expected: 'another name for the file: require would load it in place of the plugin',
    });
    return undefined;
  }
  const plugin = known.plugins.get(name);
  if (plugin === undefined && !known.broken.has(name)) reportMissing(name, path, issues, known);
  return plugin;
}

function reportMissing(name: string, path: string, issues: IssueList, known: KnownPlugins): void {
  const { search } = known;
  const folders = search?.folders.map((folder) => `${folder}/${name}`).join(', ');
  issues.add(path, {
    message: `there is no plugin ${showText(name)}${search === undefined ? ' in the bundle' : ''}`,
    expected:
      folders === undefined
        ? `plugins/${name}/plugin.lua, which rivet pipeline create collects`
        : `a plugin.lua in one of ${folders}`,
    misspelt: { name, known: [...known.plugins.keys(), ...(search?.names ?? [])] },
  });
}
