// `rivet whoami`: who the server takes you for, by what, for how long, and what you may.
import type { Client, Me } from '@rivet/protocol';
import { defineCommand } from '../command.ts';
import { chooseServer, type Server } from '../contexts.ts';
import { credentialsFor } from '../credentials.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { openClient, serverOptions } from '../server.ts';

export const whoami = defineCommand({
  examples: [
    { command: 'rivet whoami', what: 'At the current server' },
    { command: 'rivet whoami --context work --json', what: 'At another one, for scripts' },
  ],
  json: '`{url, context, id, name, role, permissions, teams, via, via_id, source: "variable"|"api_key"|"session", expires_at}`; `context` and `expires_at` may be null',
  options: serverOptions,
  async run(context, _args, options) {
    const { env, output, interrupt } = context;
    const server = await chooseServer(env, options);
    const client = await openClient(context, options);
    const { kind } = await credentialsFor(server, env);
    const me = await client.getMe({ signal: interrupt.signal });
    const expiresAt = await expiryOf(client, me, interrupt.signal);
    if (options.json) {
      const { url, stored } = server;
      const name = stored?.name ?? null;
      output.json({ url, context: name, ...me, source: kind, expires_at: expiresAt });
    } else {
      describe(server, me, kind, expiresAt, output);
    }
    return exitCodes.success;
  },
});

/** When what one is known by ends; null when it does not, or when it is not in the first pages. */
async function expiryOf(
  client: Client,
  { via, via_id: id }: Me,
  signal: AbortSignal,
): Promise<string | null> {
  const { items } =
    via === 'api_key'
      ? await client.listApiKeys({ query: { limit: 500 }, signal })
      : await client.listSessions({ signal });
  return items.find((item) => item.id === id)?.expires_at ?? null;
}

function describe(
  { url, stored }: Server,
  { name, role, teams, permissions, via }: Me,
  kind: string,
  expiresAt: string | null,
  output: Output,
): void {
  const { bold } = output.style;
  const from = kind === 'variable' ? 'RIVET_TOKEN' : `context ${stored?.name ?? ''}`;
  const until = expiresAt === null ? 'without an end' : `until ${expiresAt}`;
  const rows = [
    ['Name', bold(name)],
    ['Role', role],
    ['Teams', teams.length === 0 ? 'none' : teams.join(', ')],
    ['Server', url],
    ['Signed in', `with ${via === 'api_key' ? 'an API key' : 'a session'} of ${from}, ${until}`],
    ['May', permissions.length === 0 ? 'nothing yet: ask for a grant' : permissions.join(' ')],
  ];
  for (const [label = '', value = ''] of rows) output.line(`${label.padEnd(10)} ${value}`);
}
