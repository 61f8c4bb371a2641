// Signs the CLI in to the server of `rivet dev`, for as long as that runs.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '@rivet/base';
import { loadConfig } from './config.ts';
import { configPath, type Environment, readConfigFile } from './config-file.ts';
import { chooseServer, forgetContext, keepContext } from './contexts.ts';
import { refuseUsedPort } from './port.ts';

export interface DevSignIn {
  /** Name of the context. */
  readonly context: string;
  /** Path of the configuration file that it is in. */
  readonly config: string;
  /** Whether commands that say nothing go to this server. */
  readonly current: boolean;
  /** Removes the context, unless somebody has put another one in its place. */
  forget(): Promise<void>;
}

const KEY_FILE = 'api-key';

/** The API key of an earlier start in this directory; undefined when there is none. */
export async function readDevKey(directory: string): Promise<string | undefined> {
  try {
    return (await readFile(join(directory, KEY_FILE), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Keeps it for the next start, so that not each one makes a key that nobody ends. */
export async function keepDevKey(directory: string, apiKey: string): Promise<void> {
  if ((await readDevKey(directory)) === apiKey) return;
  await writeFileAtomically(join(directory, KEY_FILE), `${apiKey}\n`, 0o600);
}

/** What the first one is called; another one at the same time has its port in its name. */
const NAME = 'dev';

/**
 * Keeps the API key of a server on this machine. It takes the place of what is known of the same
 * address: its earlier keys are those of servers that have ended.
 */
export async function devSignIn(env: Environment, url: string, apiKey: string): Promise<DevSignIn> {
  const name = await chooseName(env, url);
  await keepContext(env, { url, user: 'admin', api_key: apiKey }, { name, use: false });
  return {
    context: name,
    config: configPath(env),
    current: (await loadConfig(env)).url === url,
    async forget() {
      await forgetContext(env, name, (context) => context.api_key === apiKey);
    },
  };
}

async function chooseName(env: Environment, url: string): Promise<string> {
  const { stored } = await chooseServer(env, { url });
  if (stored !== undefined) return stored.name;
  const taken = (await readConfigFile(env)).contexts.get(NAME);
  if (taken === undefined) return NAME;
  const { hostname, port } = new URL(taken.url);
  const ended = await refuseUsedPort(hostname, Number(port)).then(
    () => true,
    () => false,
  );
  if (!ended) return `${NAME}-${new URL(url).port}`;
  // Left by one that was killed.
  await forgetContext(env, NAME, (context) => context.api_key === taken.api_key);
  return NAME;
}
