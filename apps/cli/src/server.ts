// The client of the server that a command talks to, and the options that all such commands share.
import { type Client, createClient } from '@rivet/protocol';
import { type CommandContext, flag, text } from './command.ts';
import { loadConfig, parseServerUrl } from './config.ts';

/** Options of every command that talks to the server. */
export const serverOptions = {
  url: text('URL', 'The server; RIVET_URL or http://127.0.0.1:7450 when absent'),
  json: flag('Print JSON'),
} as const;

/**
 * A client; nothing is sent yet.
 * @param url what `--url` said
 * @throws RIVET_CONFIG_INVALID, RIVET_CLI_CONFIG_INVALID
 */
export async function openClient(
  context: CommandContext,
  url: string | undefined,
): Promise<Client> {
  const address = url === undefined ? (await loadConfig(context.env)).url : parseServerUrl(url);
  const { RIVET_TOKEN: token = '' } = context.env;
  return createClient({
    url: address,
    userAgent: 'rivet-cli',
    ...(token === '' ? {} : { token }),
  });
}
