// The settings of the CLI: environment variables, then the configuration file, then defaults.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { didYouMean, type LogLevel, RivetError } from '@rivet/base';
import type { PluginPlace } from '@rivet/pipeline';
import {
  type ConfigFile,
  type ConfigKey,
  configKeys,
  type Environment,
  isServerUrl,
  readConfigFile,
  readVariable,
  type StoredContext,
} from './config-file.ts';
import { pluginsDirectory } from './installation.ts';

export type { Environment } from './config-file.ts';

/** Where the server is when nobody says it: where `rivet dev` listens. */
const DEFAULT_URL = 'http://127.0.0.1:7450';

export interface Config {
  /** Where the server is, without a path. */
  readonly url: string;
  /** Whether a variable or the file names it. */
  readonly urlIsSet: boolean;
  /** The context that names it; undefined when an address does. */
  readonly context: string | undefined;
  /** Image of the default container. */
  readonly defaultImage: string;
  /** The policy of this installation; undefined: no rules. */
  readonly policyFile: string | undefined;
  /** Of Rivet's own log on standard error. */
  readonly logLevel: LogLevel;
  /** What `rivet dev` keeps: database, runner state. */
  readonly dataDirectory: string;
  /** Where plugins are looked for, after `plugins/` beside the pipeline file. */
  readonly pluginPlaces: readonly PluginPlace[];
}

/**
 * Reads the settings; an empty variable counts as not set.
 * @throws RIVET_CLI_CONFIG_INVALID, RIVET_CONFIG_INVALID, RIVET_CLI_CONTEXT_MISSING
 */
export async function loadConfig(env: Environment): Promise<Config> {
  const file = await readConfigFile(env);
  const get = (key: ConfigKey): string | undefined => readVariable(key, env) ?? file.settings[key];
  return {
    ...chooseServer(file, env),
    defaultImage: get('default_image') ?? 'docker.io/library/alpine:latest',
    policyFile: get('policy_file'),
    logLevel: (get('log_level') ?? 'warn') as LogLevel,
    dataDirectory: get('data_directory') ?? defaultDataDirectory(env),
    pluginPlaces: pluginPlaces(get('plugins_path') ?? '', env),
  };
}

/**
 * A context by its name.
 * @throws RIVET_CLI_CONTEXT_MISSING
 */
export function findContext(file: ConfigFile, name: string): StoredContext {
  const context = file.contexts.get(name);
  if (context !== undefined) return context;
  const suggestion = didYouMean(name, [...file.contexts.keys()]);
  throw RivetError.of('RIVET_CLI_CONTEXT_MISSING', { context: JSON.stringify(name), suggestion });
}

/** The context that commands use which name none; it need not be there. */
export function currentContext(file: ConfigFile, env: Environment): string | undefined {
  // A variable names it before the file does; an address before a context.
  if (readVariable('url', env) !== undefined) return undefined;
  return readVariable('context', env) ?? file.settings.context;
}

function chooseServer(
  file: ConfigFile,
  env: Environment,
): Pick<Config, 'url' | 'urlIsSet' | 'context'> {
  const context = currentContext(file, env);
  if (context !== undefined) {
    return { url: findContext(file, context).url, urlIsSet: true, context };
  }
  const url = readVariable('url', env) ?? file.settings.url;
  return { url: normalUrl(url ?? DEFAULT_URL), urlIsSet: url !== undefined, context: undefined };
}

/**
 * A server's URL as it was typed on the command line.
 * @param key what it was typed for
 * @throws RIVET_CONFIG_INVALID
 */
export function parseServerUrl(text: string, key = '--url'): string {
  if (!isServerUrl(text)) {
    const { expected } = configKeys.url;
    throw RivetError.of('RIVET_CONFIG_INVALID', {
      key,
      found: JSON.stringify(text),
      expected,
    });
  }
  return normalUrl(text);
}

function normalUrl(text: string): string {
  return new URL(text).origin;
}

function defaultDataDirectory(env: Environment): string {
  if (isAbsolute(env.XDG_DATA_HOME)) return join(env.XDG_DATA_HOME, 'rivet');
  return join(home(env), '.rivet', 'data');
}

function pluginPlaces(path: string, env: Environment): PluginPlace[] {
  const own = path.split(':').filter((directory) => directory !== '');
  const { XDG_CONFIG_HOME: configured = '' } = env;
  const config = isAbsolute(configured) ? configured : join(home(env), '.config');
  return [
    ...own.map((directory) => ({ path: directory, origin: 'path' }) as const),
    { path: join(config, 'rivet', 'plugins'), origin: 'user' },
    { path: pluginsDirectory(), origin: 'installation' },
  ];
}

function home(env: Environment): string {
  return isAbsolute(env.HOME) ? env.HOME : homedir();
}

/** The XDG specification tells programs to ignore relative paths. */
function isAbsolute(path: string | undefined): path is string {
  return path?.startsWith('/') === true;
}
