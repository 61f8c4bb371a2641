// The configuration file: its one schema, read with each mistake named, changed under a lock.
import { chmod, mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { didYouMean, RivetError, writeFileAtomically } from '@rivet/base';
import { withFileLock } from './file-lock.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

interface Key {
  readonly variable: string;
  readonly summary: string;
  readonly expected: string;
  readonly accepts: (value: string) => boolean;
}

const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** Every setting of the configuration file with the variable that overrides it. */
export const configKeys = {
  url: {
    variable: 'RIVET_URL',
    summary: 'The server; default http://127.0.0.1:7450',
    expected: 'a URL such as http://127.0.0.1:7450, without a path',
    accepts: isServerUrl,
  },
  context: {
    variable: 'RIVET_CONTEXT',
    summary: 'Which of the servers that you are signed in to; set by `rivet context use`',
    expected: 'the name of a context: letters, digits, `.`, `_`, `-`',
    accepts: isContextName,
  },
  ca_file: {
    variable: 'RIVET_CA_FILE',
    summary:
      'Certificates (PEM) of the only authority that the certificate of the server may be from; default those of the system. `rivet login` keeps it with the context',
    expected: 'an absolute path',
    accepts: (value) => value.startsWith('/'),
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

export type ConfigKey = keyof typeof configKeys;

/** The fields of a context; `secret` ones are never shown. */
const contextFields = {
  url: { secret: false },
  ca_file: { secret: false },
  user: { secret: false },
  api_key: { secret: true },
  refresh_token: { secret: true },
  access_token: { secret: true },
  access_expires_at: { secret: false },
} as const;

type ContextField = keyof typeof contextFields;

/** A server that somebody signed in to, and by what they are known there. */
export type StoredContext = { readonly url: string } & Partial<
  Readonly<Record<ContextField, string>>
>;

export interface ConfigFile {
  readonly settings: Readonly<Partial<Record<ConfigKey, string>>>;
  readonly contexts: ReadonlyMap<string, StoredContext>;
}

const EMPTY: ConfigFile = { settings: {}, contexts: new Map() };

/** Where no word of a file may be shown, as it could be a token. */
type Invalid = (problem: string) => RivetError;

/**
 * The path of the configuration file: RIVET_CONFIG, else XDG's place when XDG_CONFIG_HOME is set,
 * else ~/.rivet/config.
 */
export function configPath(env: Environment): string {
  if (env.RIVET_CONFIG !== undefined && env.RIVET_CONFIG !== '') return env.RIVET_CONFIG;
  // The XDG specification tells programs to ignore relative paths.
  const { XDG_CONFIG_HOME: xdg = '', HOME: home = '' } = env;
  if (xdg.startsWith('/')) return join(xdg, 'rivet', 'config');
  return join(home.startsWith('/') ? home : homedir(), '.rivet', 'config');
}

/**
 * Reads the file; one that is not there is empty, unless RIVET_CONFIG names it.
 * @throws RIVET_CLI_CONFIG_INVALID
 */
export async function readConfigFile(env: Environment): Promise<ConfigFile> {
  const path = configPath(env);
  const wanted = env.RIVET_CONFIG !== undefined && env.RIVET_CONFIG !== '';
  const invalid: Invalid = (problem) =>
    RivetError.of('RIVET_CLI_CONFIG_INVALID', { path, problem });
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Only a file that was asked for by name has to be there.
    if ((code === 'ENOENT' || code === 'ENOTDIR') && !wanted) return EMPTY;
    throw invalid(code === 'ENOENT' ? 'it does not exist' : `it cannot be read (${code})`);
  }
  return parseConfigFile(text, invalid);
}

/**
 * A setting: of its variable, else what else says it, else of the file. An empty variable counts as
 * not set.
 * @throws RIVET_CONFIG_INVALID, RIVET_CLI_CONFIG_INVALID
 */
export async function readSetting(
  key: ConfigKey,
  env: Environment,
  other?: string,
): Promise<string | undefined> {
  return readVariable(key, env) ?? other ?? (await readConfigFile(env)).settings[key];
}

/**
 * The variable of a setting; an empty one counts as not set.
 * @throws RIVET_CONFIG_INVALID
 */
export function readVariable(key: ConfigKey, env: Environment): string | undefined {
  const { variable, accepts, expected } = configKeys[key];
  const value = env[variable];
  if (value === undefined || value === '') return undefined;
  if (accepts(value)) return value;
  const found = JSON.stringify(value);
  throw RivetError.of('RIVET_CONFIG_INVALID', { key: variable, found, expected });
}

/**
 * Changes the file while nobody else does: reads it, lets `change` decide, writes what it gives.
 * Whoever reads sees the old or the new content, and nobody but its owner can read the new one.
 * @param change gives the new content, or undefined to leave the file as it is
 * @throws RIVET_CLI_CONFIG_INVALID, RIVET_CLI_CONFIG_LOCKED, RIVET_CLI_FILE_DENIED
 */
export async function changeConfigFile(
  env: Environment,
  change: (file: ConfigFile) => Promise<ConfigFile | undefined> | ConfigFile | undefined,
): Promise<void> {
  const named = configPath(env);
  await mkdir(dirname(named), { recursive: true });
  // A link, as people with their settings in a repository have it, stays one.
  const path = await realpath(named).catch(() => named);
  await withFileLock(path, async () => {
    const exists = await stat(path).then(
      () => true,
      () => false,
    );
    const changed = await change(exists ? await readConfigFile(env) : EMPTY);
    if (changed !== undefined) await writeFileAtomically(path, renderConfigFile(changed), 0o600);
  });
}

/**
 * Makes the file that RIVET_CONFIG names, where it is missing: for commands that write into it.
 * @throws RIVET_CLI_CONFIG_INVALID, RIVET_CLI_CONFIG_LOCKED
 */
export async function createConfigFile(env: Environment): Promise<void> {
  if ((env.RIVET_CONFIG ?? '') === '') return;
  await changeConfigFile(env, (file) => (file === EMPTY ? file : undefined));
}

/**
 * Takes away what others may do with a file that holds tokens.
 * @returns the mode that it had, such as `0644`; undefined when it was right or holds none
 */
export async function mendConfigMode(
  env: Environment,
  { contexts }: ConfigFile,
): Promise<string | undefined> {
  const isSecret = (field: string): boolean => contextFields[field as ContextField].secret;
  const secret = [...contexts.values()].some((context) => Object.keys(context).some(isSecret));
  if (!secret) return undefined;
  const path = configPath(env);
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return undefined;
  await chmod(path, 0o600);
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

/** Whether a text can name a context. */
export function isContextName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(text);
}

/** Whether a text is the address of a server: http or https, and nothing behind the host. */
export function isServerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const bare = url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  return (url.protocol === 'http:' || url.protocol === 'https:') && bare;
}

function renderConfigFile({ settings, contexts }: ConfigFile): string {
  const document = {
    ...settings,
    ...(contexts.size > 0 && { contexts: Object.fromEntries(contexts) }),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function parseConfigFile(text: string, invalid: Invalid): ConfigFile {
  const { contexts = {}, ...rest } = parseJsonObject(text, invalid);
  const settings: Partial<Record<ConfigKey, string>> = {};
  for (const [key, content] of Object.entries(rest)) {
    if (!Object.hasOwn(configKeys, key)) {
      const known = [...Object.keys(configKeys), 'contexts'];
      throw invalid(`unknown key "${key}"${didYouMean(key, known)}`);
    }
    const { accepts, expected } = configKeys[key as ConfigKey];
    if (typeof content !== 'string' || !accepts(content)) {
      throw invalid(`"${key}" is ${JSON.stringify(content)}; expected ${expected}`);
    }
    settings[key as ConfigKey] = content;
  }
  if (!isObject(contexts)) throw invalid('"contexts" is no object of contexts by name');
  const parsed = Object.entries(contexts).map(([name, context]): [string, StoredContext] => [
    name,
    parseContext(name, context, invalid),
  ]);
  return { settings, contexts: new Map(parsed) };
}

function parseContext(name: string, context: unknown, invalid: Invalid): StoredContext {
  const where = `context ${JSON.stringify(name)}`;
  if (!isContextName(name)) {
    throw invalid(`${where}: expected as its name letters, digits, \`.\`, \`_\`, \`-\``);
  }
  if (!isObject(context)) throw invalid(`${where} is no object`);
  for (const [field, value] of Object.entries(context)) {
    if (!Object.hasOwn(contextFields, field)) {
      const near = didYouMean(field, Object.keys(contextFields));
      throw invalid(`${where}: unknown key "${field}"${near}`);
    }
    if (typeof value !== 'string' || value === '') {
      throw invalid(`${where}: "${field}" is no text`);
    }
  }
  const { url } = context;
  if (typeof url !== 'string' || !isServerUrl(url)) {
    throw invalid(`${where}: "url" is missing or none; expected ${configKeys.url.expected}`);
  }
  return { ...context, url: new URL(url).origin };
}

function parseJsonObject(text: string, invalid: Invalid): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The message of the parser quotes the text, and that can be a token.
    const [, position] = /\((line \d+ column \d+)\)/.exec((error as Error).message) ?? [];
    throw invalid(`it is not JSON${position === undefined ? '' : `: see ${position}`}`);
  }
  if (isObject(value)) return value;
  throw invalid('expected one JSON object such as {"url": "http://127.0.0.1:7450"}');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
