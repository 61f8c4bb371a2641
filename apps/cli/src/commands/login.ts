// `rivet login`: signs in to a server and keeps what it is known by afterwards.
import { isRivetError, RivetError } from '@rivet/base';
import { type Client, createClient, type SessionTokens } from '@rivet/protocol';
import { askNewPassword, askSecret, askText, readPasswordLines } from '../ask.ts';
import { signInByBrowser } from '../browser-sign-in.ts';
import {
  type CommandContext,
  defineCommand,
  flag,
  optional,
  text,
  type ValueOption,
} from '../command.ts';
import { loadConfig, parseServerUrl } from '../config.ts';
import {
  configKeys,
  createConfigFile,
  isContextName,
  readConfigFile,
  readSetting,
} from '../config-file.ts';
import { chooseServer, keepContext, refuseTakenName } from '../contexts.ts';
import { refusePlaintext, storedTokens } from '../credentials.ts';
import { exitCodes } from '../exit-codes.ts';
import { fetchFor } from '../server-fetch.ts';

const contextName = (): ValueOption<string> => ({
  ...text('NAME', 'Name of the context; made from the host when absent'),
  expected: configKeys.context.expected,
  parse: (name) => (isContextName(name) ? name : undefined),
});

interface LoginOptions {
  readonly name: string | undefined;
  readonly passwordStdin: boolean;
  readonly sso: boolean;
  readonly noBrowser: boolean;
  readonly setupToken: boolean;
}

export const login = defineCommand({
  details: [
    'Keeps a session in the configuration file, which only you can read, and makes the server the current context.',
    'A session ends when it was not used for 30 days, after 90 days, and with `rivet logout`. Programs use RIVET_URL',
    'and RIVET_TOKEN with an API key instead (`rivet api-key create`).',
    '',
    'Passwords are asked for or read from standard input, never taken from the command line. A second line of standard',
    'input is the new password where the first is a temporary one.',
  ].join('\n'),
  examples: [
    { command: 'rivet login https://ci.example.com', what: 'Asks for name and password' },
    {
      command: 'rivet login https://ci.example.com --sso',
      what: 'In the browser, at the provider of the installation',
    },
    {
      command: 'pass show rivet | rivet login --name ada --password-stdin',
      what: 'From a password store, to the current server',
    },
    {
      command: 'rivet login http://127.0.0.1:7450 --setup-token',
      what: 'Make the first administrator with the token that the orchestrator printed',
    },
  ],
  json: '`{context, url, name, role}`',
  arguments: { url: optional('The server; the current one when absent') },
  options: {
    name: text('NAME', 'Who you are; asked for when absent'),
    passwordStdin: flag('Read the password from standard input'),
    sso: flag('Sign in at the provider of the installation, in a browser on this machine'),
    noBrowser: flag('With --sso: only print the address'),
    setupToken: flag(
      'Make the first administrator; RIVET_SETUP_TOKEN has the token, or it is asked for',
    ),
    as: contextName(),
    json: flag('Print JSON'),
  },
  async run(context, args, options) {
    const { env, output } = context;
    await createConfigFile(env);
    const server = await chooseServer(env, { url: serverUrl(args.url) });
    const { url } = server;
    refuseTogether(options);
    refusePlaintext(url, env);
    if (options.as !== undefined) refuseTakenName(await readConfigFile(env), options.as, url);
    const reach = { url, userAgent: 'rivet-cli', fetch: await fetchFor(server, env) };
    const anonymous = createClient(reach);
    const tokens = await signIn(anonymous, url, context, options);
    const { signal } = context.interrupt;
    const known = createClient({ ...reach, token: tokens.access_token });
    const { name, role } = await known.getMe({ signal });
    const caFile = await readSetting('ca_file', env, server.stored?.context.ca_file);
    const kept = {
      url,
      user: name,
      ...(caFile === undefined ? {} : { ca_file: caFile }),
      ...storedTokens(tokens),
    };
    const keptAs = await keepContext(env, kept, { name: options.as, use: true });
    if (options.json) output.json({ context: keptAs, url, name, role });
    else output.line(`Signed in to ${url} as ${name} (${role}), context ${keptAs}`);
    await warnOfVariables(context, url);
    return exitCodes.success;
  },
});

/** @throws RIVET_CONFIG_INVALID */
function serverUrl(given: string | undefined): string | undefined {
  return given === undefined ? undefined : parseServerUrl(given, 'the server');
}

/** @throws RIVET_USAGE */
function refuseTogether({ sso, noBrowser, passwordStdin, setupToken, name }: LoginOptions): void {
  const withSso = { '--name': name !== undefined, '--password-stdin': passwordStdin };
  const wrong = sso ? { ...withSso, '--setup-token': setupToken } : { '--no-browser': noBrowser };
  const [found] = Object.entries(wrong).find(([, given]) => given) ?? [];
  if (found === undefined) return;
  throw RivetError.of('RIVET_USAGE', {
    problem: sso ? `--sso and ${found} exclude each other` : `${found} goes with --sso`,
    hint: 'Leave one of them out.',
  });
}

async function signIn(
  client: Client,
  url: string,
  context: CommandContext,
  options: LoginOptions,
): Promise<SessionTokens> {
  const { signal } = context.interrupt;
  if (options.sso) return await signInByBrowser(client, url, context, options);
  if (options.setupToken) return await setUp(client, context, options);
  const { name, lines } = await nameAndPassword(context, options);
  const password = lines[0] ?? (await askSecret(context, 'Password', '--password-stdin'));
  try {
    return await client.login({ body: { name, password }, signal });
  } catch (error) {
    if (!isRivetError(error, 'RIVET_AUTH_PASSWORD_TEMPORARY')) throw error;
    if (lines[1] === undefined && !context.interactive) throw error;
    const message = 'This password was a temporary one. Your new password';
    const newPassword = lines[1] ?? (await askNewPassword(context, message, '--password-stdin'));
    return await client.login({ body: { name, password, new_password: newPassword }, signal });
  }
}

async function setUp(
  client: Client,
  context: CommandContext,
  options: LoginOptions,
): Promise<SessionTokens> {
  const { RIVET_SETUP_TOKEN: given = '' } = context.env;
  const token =
    given === '' ? await askSecret(context, 'Set-up token', 'RIVET_SETUP_TOKEN') : given.trim();
  const { name, lines } = await nameAndPassword(context, options);
  const password =
    lines[0] ?? (await askNewPassword(context, 'A password for you', '--password-stdin'));
  const { signal } = context.interrupt;
  return await client.setUp({ body: { token, name, password }, signal });
}

/** Who it is, and the lines of standard input where they are wanted. */
async function nameAndPassword(
  context: CommandContext,
  options: LoginOptions,
): Promise<{ name: string; lines: readonly string[] }> {
  // Standard input is the terminal's or the password's: a name cannot be asked for on it as well.
  const lines = options.passwordStdin ? await readPasswordLines() : [];
  if (options.name === undefined && options.passwordStdin) {
    throw RivetError.of('RIVET_USAGE', {
      problem: 'who signs in is missing',
      hint: 'Give --name with --password-stdin.',
    });
  }
  return { name: options.name ?? (await askText(context, 'Name', '--name')), lines };
}

/** Who has signed in expects that it counts. */
async function warnOfVariables({ env, output }: CommandContext, url: string): Promise<void> {
  if ((env.RIVET_TOKEN ?? '') !== '') {
    output.note('RIVET_TOKEN is set: unset it, or commands cannot use this session.');
  }
  const used = (await loadConfig(env)).url;
  if (used !== url) output.note(`RIVET_URL or RIVET_CONTEXT is set: commands go to ${used}.`);
}
