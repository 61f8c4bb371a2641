// The settings of the CLI: environment variables, then the configuration file, then defaults.
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { didYouMean, type LogLevel, RivetError } from '@rivet/base';
import type { PluginPlace } from '@rivet/pipeline';
import { pluginsDirectory } from './installation.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Config {
  /** Where the server is, without a path. */
  readonly url: string;
  /** Whether a variable or the file names it. */
  readonly urlIsSet: boolean;
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

interface Key {
  readonly variable: string;
  readonly summary: string;
  readonly expected: string;
  readonly accepts: (value: string) => boolean;
}

const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** Every key of the configuration file with the variable that overrides it. */
export const configKeys = {
  url: {
    variable: 'RIVET_URL',
    summary: 'The server; default http://127.0.0.1:7450',
    expected: 'a URL such as http://127.0.0.1:7450, without a path',
    accepts: isServerUrl,
  },
  default_image: {
    variable: 'RIVET_DEFAULT_IMAGE',
    summary: 'Image of commands outside of any container; default docker.io/library/alpine:latest',
    expected: 'the name of an image such as alpine:latest',
    accepts: (value) => /^[\w][\w.:/@-]*$/.test(value),
  },
  policy_file: {
    variable: 'RIVET_POLICY_FILE',
    summary: 'What jobs on this machine may do: a JSON file; default none, no rules',
    expected: 'an absolute path',
    accepts: (value) => value.startsWith('/'),
  },
  log_level: {
    variable: 'RIVET_LOG_LEVEL',
    summary: "Level of Rivet's own log on standard error; default warn",
    expected: `one of ${logLevels.join(', ')}`,
    accepts: (value) => logLevels.some((level) => level === value),
  },
  data_directory: {
    variable: 'RIVET_DATA_DIRECTORY',
    summary: 'What rivet dev keeps; default $XDG_DATA_HOME/rivet or ~/.rivet/data',
    expected: 'an absolute path',
    accepts: (value) => value.startsWith('/'),
  },
  plugins_path: {
    variable: 'RIVET_PLUGINS_PATH',
    summary:
      'Directories of plugins, with : between them; looked at before ~/.config/rivet/plugins and those of the installation',
    expected: 'absolute paths with : between them',
    accepts: (value) => value.split(':').every((path) => path === '' || path.startsWith('/')),
  },
} as const satisfies Record<string, Key>;

type KeyName = keyof typeof configKeys;

/**
 * The path of the configuration file: RIVET_CONFIG, else XDG's place when XDG_CONFIG_HOME is set,
 * else ~/.rivet/config.
 */
export function configPath(env: Environment): string {
  if (env.RIVET_CONFIG !== undefined && env.RIVET_CONFIG !== '') return env.RIVET_CONFIG;
  if (isAbsolute(env.XDG_CONFIG_HOME)) return join(env.XDG_CONFIG_HOME, 'rivet', 'config');
  return join(home(env), '.rivet', 'config');
}

/**
 * Reads the settings; an empty variable counts as not set.
 * @throws RIVET_CLI_CONFIG_INVALID, RIVET_CONFIG_INVALID
 */
export async function loadConfig(env: Environment): Promise<Config> {
  const path = configPath(env);
  const file = await readConfigFile(
    path,
    env.RIVET_CONFIG !== undefined && env.RIVET_CONFIG !== '',
  );
  const get = (key: KeyName): string | undefined => {
    const { variable, accepts, expected } = configKeys[key];
    const value = env[variable];
    if (value === undefined || value === '') return file[key];
    if (!accepts(value)) {
      const found = JSON.stringify(value);
      throw RivetError.of('RIVET_CONFIG_INVALID', { key: variable, found, expected });
    }
    return value;
  };
  const url = get('url');
  return {
    url: normalUrl(url ?? 'http://127.0.0.1:7450'),
    urlIsSet: url !== undefined,
    defaultImage: get('default_image') ?? 'docker.io/library/alpine:latest',
    policyFile: get('policy_file'),
    logLevel: (get('log_level') ?? 'warn') as LogLevel,
    dataDirectory: get('data_directory') ?? defaultDataDirectory(env),
    pluginPlaces: pluginPlaces(get('plugins_path') ?? '', env),
  };
}

/**
 * A server's URL as it was typed on the command line.
 * @throws RIVET_CONFIG_INVALID
 */
export function parseServerUrl(text: string): string {
  if (!isServerUrl(text)) {
    const { expected } = configKeys.url;
    throw RivetError.of('RIVET_CONFIG_INVALID', {
      key: '--url',
      found: JSON.stringify(text),
      expected,
    });
  }
  return normalUrl(text);
}

async function readConfigFile(
  path: string,
  wanted: boolean,
): Promise<Partial<Record<KeyName, string>>> {
  const invalid = (problem: string): RivetError =>
    RivetError.of('RIVET_CLI_CONFIG_INVALID', { path, problem });
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Only a file that was asked for by name has to be there.
    if ((code === 'ENOENT' || code === 'ENOTDIR') && !wanted) return {};
    throw invalid(code === 'ENOENT' ? 'it does not exist' : `it cannot be read (${code})`);
  }
  const value = parseJsonObject(text, invalid);
  const known: Partial<Record<KeyName, string>> = {};
  for (const [key, content] of Object.entries(value)) {
    if (!Object.hasOwn(configKeys, key)) {
      throw invalid(`unknown key "${key}"${didYouMean(key, Object.keys(configKeys))}`);
    }
    const { accepts, expected } = configKeys[key as KeyName];
    if (typeof content !== 'string' || !accepts(content)) {
      throw invalid(`"${key}" is ${JSON.stringify(content)}; expected ${expected}`);
    }
    known[key as KeyName] = content;
  }
  return known;
}

function parseJsonObject(
  text: string,
  invalid: (problem: string) => RivetError,
): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`it is not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('expected one JSON object such as {"url": "http://127.0.0.1:7450"}');
  }
  return value as Record<string, unknown>;
}

function isServerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const bare = url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  return (url.protocol === 'http:' || url.protocol === 'https:') && bare;
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
