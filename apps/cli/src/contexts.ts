// Which server a command talks to, and the contexts that the configuration file keeps for each.
import { RivetError } from '@rivet/base';
import { findContext, loadConfig, parseServerUrl } from './config.ts';
import {
  type ConfigFile,
  changeConfigFile,
  type Environment,
  isContextName,
  readConfigFile,
  type StoredContext,
} from './config-file.ts';

/** What `--url` and `--context` said. */
export interface ServerChoice {
  readonly url?: string | undefined;
  readonly context?: string | undefined;
}

export interface Server {
  readonly url: string;
  /** What is known of it from signing in; undefined when nobody has. */
  readonly stored: { readonly name: string; readonly context: StoredContext } | undefined;
}

/**
 * The server that is meant: by an option, a variable, the file, or the one of `rivet dev`.
 * @throws RIVET_USAGE, RIVET_CONFIG_INVALID, RIVET_CLI_CONFIG_INVALID, RIVET_CLI_CONTEXT_MISSING
 */
export async function chooseServer(env: Environment, choice: ServerChoice): Promise<Server> {
  const file = await readConfigFile(env);
  if (choice.context !== undefined) {
    if (choice.url !== undefined) {
      throw RivetError.of('RIVET_USAGE', {
        problem: '--url and --context both say which server',
        hint: 'Give one of them.',
      });
    }
    const context = findContext(file, choice.context);
    return { url: context.url, stored: { name: choice.context, context } };
  }
  if (choice.url !== undefined) return byUrl(file, parseServerUrl(choice.url));
  const { url, context: name } = await loadConfig(env);
  if (name === undefined) return byUrl(file, url);
  return { url, stored: { name, context: findContext(file, name) } };
}

/**
 * Keeps a context: in place of the one with that name, else of one of the same server. It becomes
 * the current one when `use` says so, or when there is none.
 * @returns its name
 * @throws RIVET_CLI_CONTEXT_TAKEN when the name belongs to another server
 */
export async function keepContext(
  env: Environment,
  context: StoredContext,
  options: { readonly name: string | undefined; readonly use: boolean },
): Promise<string> {
  let name = '';
  await changeConfigFile(env, (file) => {
    name = options.name ?? nameFor(file, context.url);
    refuseTakenName(file, name, context.url);
    const { context: current } = file.settings;
    // An address in the file names the server as well; a context beside it would win over it.
    const isFirst = current === undefined && file.settings.url === undefined;
    const settings = options.use || isFirst ? { ...file.settings, context: name } : file.settings;
    return { settings, contexts: new Map([...file.contexts, [name, context]]) };
  });
  return name;
}

/**
 * Before a sign-in whose session could not be kept otherwise.
 * @throws RIVET_CLI_CONTEXT_TAKEN when the name belongs to another server
 */
export function refuseTakenName({ contexts }: ConfigFile, name: string, url: string): void {
  const before = contexts.get(name);
  if (before === undefined || before.url === url) return;
  throw RivetError.of('RIVET_CLI_CONTEXT_TAKEN', { context: name, url: before.url });
}

/**
 * Forgets a context, when `isMeant` still says so; the current one is then none.
 * @returns whether it was there
 */
export async function forgetContext(
  env: Environment,
  name: string,
  isMeant: (context: StoredContext) => boolean = () => true,
): Promise<boolean> {
  let found = false;
  await changeConfigFile(env, (file) => {
    const context = file.contexts.get(name);
    found = context !== undefined && isMeant(context);
    return found ? withoutContext(file, name) : undefined;
  });
  return found;
}

function withoutContext({ settings, contexts }: ConfigFile, name: string): ConfigFile {
  const { context: current, ...others } = settings;
  const left = new Map([...contexts].filter(([known]) => known !== name));
  return { settings: current === name ? others : settings, contexts: left };
}

function byUrl({ contexts }: ConfigFile, url: string): Server {
  const found = [...contexts].find(([, context]) => context.url === url);
  return { url, stored: found && { name: found[0], context: found[1] } };
}

/** The host of the server, with its port where that is not the usual one; or a name like it. */
function nameFor({ contexts }: ConfigFile, url: string): string {
  const same = [...contexts].find(([, context]) => context.url === url);
  if (same !== undefined) return same[0];
  const { hostname, port } = new URL(url);
  const host = hostname.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  const base = `${host.slice(0, 80) || 'server'}${port === '' ? '' : `-${port}`}`;
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? base : `${base}-${n}`;
    if (isContextName(name) && !contexts.has(name)) return name;
  }
}
