// `rivet signing-key list`: the keys with which the installation signs tokens.
import { defineCommand } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { table } from '../../output.ts';
import { openClient, serverOptions } from '../../server.ts';

export const signingKeyList = defineCommand({
  examples: [{ command: 'rivet signing-key list', what: 'Newest first' }],
  json: '`{items: [{id, purpose, algorithm, state, created_at, ends_at}]}`',
  options: serverOptions,
  async run(context, _args, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const list = await client.listSigningKeys({ signal: interrupt.signal });
    if (options.json) {
      output.json(list);
    } else {
      const rows = list.items.map((key) => [
        key.id,
        key.purpose,
        key.state,
        key.created_at,
        key.ends_at ?? '',
      ]);
      output.line(table(['ID', 'PURPOSE', 'STATE', 'MADE', 'ENDS'], rows));
    }
    return exitCodes.success;
  },
});
