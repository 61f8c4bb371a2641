// `rivet api-key revoke`: ends an API key.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const apiKeyRevoke = defineCommand({
  details: 'At once, on every orchestrator; keys that were made with it end too.',
  examples: [
    {
      command: 'rivet api-key revoke 0198c0de',
      what: 'By the beginning of its id: rivet api-key list',
    },
  ],
  json: '`{revoked}`, the id that was given',
  arguments: { id: required('Id of the key, or a unique beginning of it') },
  options: serverOptions,
  async run(context, { id }, options) {
    const client = await openClient(context, options);
    await client.revokeApiKey({ id, signal: context.interrupt.signal });
    if (options.json) context.output.json({ revoked: id });
    else context.output.line(`Revoked the API key ${id}`);
    return exitCodes.success;
  },
});
