// What a plugin says of itself: the table that its plugin.lua returns.
import { asRecord, type LuaValue } from '@rivet/lua';
import type { DefinitionIssue } from '@rivet/protocol';
import { fieldPath, IssueList } from '../definition/issue-list.ts';
import { readSecretName } from '../definition/names.ts';
import {
  choiceReader,
  fieldOf,
  listReader,
  optional,
  type Reader,
  readRecord,
  required,
  textReader,
} from '../definition/read-fields.ts';
import { showText, showValue } from '../definition/show-value.ts';
import { PLUGIN_MAIN, pluginFolder } from './plugin-name.ts';
import { isPluginVersion, VERSION_EXPECTED } from './plugin-version.ts';

export interface PluginManifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** What it may use of the core modules, the images it runs in, the secrets it reads by name. */
  readonly needs: {
    readonly modules: readonly string[];
    readonly images: readonly string[];
    readonly secrets: readonly string[];
  };
  /** The names of its functions, sorted. */
  readonly functions: readonly string[];
}

const KNOWN = ['name', 'version', 'description', 'needs', 'functions'] as const;
const EXPECTED =
  'a table such as { name = "hello", version = "1.0.0", needs = {}, functions = { … } }';

/**
 * Reads the manifest of the plugin in plugins/<name>; the issues carry its file.
 * @param modules the core modules that a plugin can declare
 */
export function readManifest(
  name: string,
  value: LuaValue,
  modules: readonly string[],
): { manifest: PluginManifest | undefined; issues: DefinitionIssue[] } {
  const issues = new IssueList();
  const manifest = readFields(name, value, modules, issues);
  const file = `${pluginFolder(name)}/${PLUGIN_MAIN}`;
  const found = issues.toArray().map((issue) => ({ ...issue, file }));
  return { manifest: found.length > 0 ? undefined : manifest, issues: found };
}

function readFields(
  folder: string,
  value: LuaValue,
  modules: readonly string[],
  issues: IssueList,
): PluginManifest | undefined {
  const label = `the plugin ${showText(folder)}`;
  if (asRecord(value) === undefined) {
    const found = typeof value === 'string' ? value : showValue(value);
    issues.add('', { message: `${label} returns no table`, found, expected: EXPECTED });
    return undefined;
  }
  const record = readRecord(value, '', issues, EXPECTED, KNOWN);
  if (record === undefined) return undefined;
  if (modules.includes(folder)) {
    issues.add('name', {
      message: `${label} has the name of a core module`,
      expected: 'another name, of the plugin and of its folder',
    });
  }
  const name = required(record, 'name', '', issues, `name = ${showText(folder)}`, textReader(NAME));
  if (name !== undefined && name !== folder) {
    const expected = `${showText(folder)}, as its folder is called`;
    issues.add('name', { message: `${label} has another name`, found: showText(name), expected });
  }
  const version = required(record, 'version', '', issues, VERSION_EXPECTED, readVersion);
  const description = optional(record, 'description', '', issues, textReader(DESCRIPTION)) ?? '';
  const needs = optional(record, 'needs', '', issues, needsReader(modules)) ?? NO_NEEDS;
  const functions = required(record, 'functions', '', issues, FUNCTIONS_EXPECTED, readFunctions);
  if (name === undefined || version === undefined || functions === undefined) return undefined;
  return { name, version, description, needs, functions };
}

const NAME = { expected: 'the name of the plugin', lengthMax: 100 };
const DESCRIPTION = { expected: 'one sentence', lengthMax: 1000 };
const NO_NEEDS: PluginManifest['needs'] = { modules: [], images: [], secrets: [] };

const readVersion: Reader<string> = (value, path, issues) => {
  if (typeof value === 'string' && isPluginVersion(value)) return value;
  const message = 'version is not a version';
  issues.add(path, { message, found: showValue(value), expected: VERSION_EXPECTED });
  return undefined;
};

function needsReader(modules: readonly string[]): Reader<PluginManifest['needs']> {
  const keys = ['modules', 'images', 'secrets'];
  const expected = 'a table such as { modules = { "process" }, images = {}, secrets = {} }';
  const list = <T extends string>(item: Reader<T>, what: string): Reader<T[]> =>
    listReader({
      expected: `a list of ${what}`,
      countMax: 100,
      item,
      twice: (text) => `${showText(text)} is there twice`,
    });
  const image = textReader({ expected: 'the name of an image', lengthMax: 500 });
  return (value, path, issues) => {
    const record = readRecord(value, path, issues, expected, keys);
    if (record === undefined) return undefined;
    const read = <T extends string>(key: string, item: Reader<T>, what: string): T[] =>
      optional(record, key, path, issues, list(item, what)) ?? [];
    return {
      modules: read('modules', choiceReader(modules), 'core modules such as "process"'),
      images: read('images', image, 'images such as "docker.io/library/alpine:3.22"'),
      secrets: read('secrets', readSecretName, 'names of secrets'),
    };
  };
}

const FUNCTIONS_EXPECTED =
  'a table of functions by name, such as { greet = function(options) end }';
const FUNCTION_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,99}$/;

/** The loader gives the type of each value in place of the value. */
const readFunctions: Reader<string[]> = (value, path, issues) => {
  const record = asRecord(value);
  if (record === undefined || Object.keys(record).length === 0) {
    const message = 'functions is not a table of functions';
    issues.add(path, { message, found: showValue(value), expected: FUNCTIONS_EXPECTED });
    return undefined;
  }
  for (const name of Object.keys(record)) {
    const type = fieldOf(record, name);
    const at = fieldPath(path, name);
    if (type !== 'function') {
      const message = `${name} is not a function`;
      issues.add(at, { message, found: `a ${String(type)}`, expected: 'a function' });
    } else if (!FUNCTION_NAME.test(name)) {
      const expected = 'letters, digits and _, beginning with a letter';
      issues.add(at, { message: `${showText(name)} cannot be the name of a function`, expected });
    }
  }
  return Object.keys(record).sort();
};
