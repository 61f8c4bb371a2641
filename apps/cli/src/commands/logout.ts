// `rivet logout`: ends the session at the server, and forgets it here.
import { isRivetError, RivetError } from '@rivet/base';
import { type CommandContext, defineCommand, flag } from '../command.ts';
import { changeConfigFile, type StoredContext } from '../config-file.ts';
import { chooseServer } from '../contexts.ts';
import { exitCodes } from '../exit-codes.ts';
import { openClient, serverOptions } from '../server.ts';

export const logout = defineCommand({
  details: [
    'The session ends at once, on every orchestrator. An API key that a context keeps is only forgotten here: it stays',
    'valid until `rivet api-key revoke`. The context itself stays, for the next `rivet login`; `rivet context rm` removes it.',
  ].join('\n'),
  examples: [
    { command: 'rivet logout', what: 'From the current server' },
    { command: 'rivet logout --context work', what: 'From another one' },
    {
      command: 'rivet logout --everywhere',
      what: 'End all your sessions there, on other machines and in browsers too',
    },
  ],
  json: '`{url, context, everywhere}`',
  options: {
    ...serverOptions,
    everywhere: flag('End all your sessions at that server, not only this one'),
  },
  async run(context, _args, options) {
    const { env, output, interrupt } = context;
    const { url, stored } = await chooseServer(env, options);
    if (stored === undefined || !isSignedIn(stored.context)) {
      throw RivetError.of('RIVET_CLI_NOT_SIGNED_IN', { url, ...hintOf(context) });
    }
    const { everywhere } = options;
    const isKey = stored.context.api_key !== undefined;
    try {
      // RIVET_TOKEN is somebody else's affair: this is about what the file keeps.
      const own = { ...context, env: { ...env, RIVET_TOKEN: '' } };
      if (!isKey || everywhere) {
        const client = await openClient(own, options);
        await client.logout({ body: { everywhere }, signal: interrupt.signal });
      }
    } catch (error) {
      // What has ended already need not be ended.
      if (!isRivetError(error, 'RIVET_AUTH_INVALID', 'RIVET_CLI_SESSION_ENDED')) {
        await forgetTokens(context, stored.name);
        output.note(
          'Signed out here only: the server was not told, and the session goes on there.',
        );
        throw error;
      }
    }
    await forgetTokens(context, stored.name);
    if (options.json) output.json({ url, context: stored.name, everywhere });
    else output.line(`Signed out of ${url}${everywhere ? ', everywhere' : ''}`);
    if (isKey) output.note('The API key is valid still: rivet api-key revoke ends it.');
    return exitCodes.success;
  },
});

function isSignedIn({ api_key, refresh_token }: StoredContext): boolean {
  return api_key !== undefined || refresh_token !== undefined;
}

function hintOf({ env }: CommandContext): { hint?: string } {
  return (env.RIVET_TOKEN ?? '') === '' ? {} : { hint: 'RIVET_TOKEN says who you are: unset it.' };
}

async function forgetTokens({ env }: CommandContext, name: string): Promise<void> {
  await changeConfigFile(env, (file) => {
    const context = file.contexts.get(name);
    if (context === undefined) return undefined;
    const { api_key, access_token, access_expires_at, refresh_token, ...bare } = context;
    return { ...file, contexts: new Map([...file.contexts, [name, bare]]) };
  });
}
