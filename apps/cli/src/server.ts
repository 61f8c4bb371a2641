// The client of the server that a command talks to, and the options that all such commands share.
import { type Client, createClient } from '@rivet/protocol';
import { type CommandContext, flag, text } from './command.ts';
import { configPath, mendConfigMode, readConfigFile } from './config-file.ts';
import { chooseServer, type ServerChoice } from './contexts.ts';
import { authorizedFetch, credentialsFor } from './credentials.ts';
import { fetchFor } from './server-fetch.ts';

/** Options of every command that talks to the server. */
export const serverOptions = {
  url: text(
    'URL',
    'The server; RIVET_URL, the current context or http://127.0.0.1:7450 when absent',
  ),
  context: text('NAME', 'The server, by the name of its context'),
  json: flag('Print JSON'),
} as const;

/**
 * A client that is known to the server as whoever signed in; nothing is sent yet.
 * @param choice what `--url` and `--context` said
 * @throws RIVET_USAGE, RIVET_CONFIG_INVALID, RIVET_CLI_CONFIG_INVALID, RIVET_CLI_CONTEXT_MISSING,
 *   RIVET_CLI_TOKEN_INVALID, RIVET_CLI_TOKEN_ELSEWHERE, RIVET_CLI_PLAINTEXT
 */
export async function openClient(context: CommandContext, choice: ServerChoice): Promise<Client> {
  const { env, output } = context;
  const server = await chooseServer(env, choice);
  const mode = await mendConfigMode(env, await readConfigFile(env));
  if (mode !== undefined) {
    const path = configPath(env);
    output.note(
      `${path} holds tokens and had the mode ${mode}: it is 0600 now. If others use this machine, sign in anew.`,
    );
  }
  const credentials = await credentialsFor(server, env);
  return createClient({
    url: server.url,
    userAgent: 'rivet-cli',
    fetch: authorizedFetch(server.url, credentials, await fetchFor(server, env)),
  });
}
