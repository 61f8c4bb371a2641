// `rivet session list`: where one is signed in.
import { defineCommand } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { table } from '../../output.ts';
import { openClient, serverOptions } from '../../server.ts';

export const sessionList = defineCommand({
  examples: [{ command: 'rivet session list', what: 'Yours, the last used first; * is this one' }],
  json: '`{items: [{id, kind, current, address, user_agent, created_at, used_at, expires_at}]}`',
  options: serverOptions,
  async run(context, _args, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const list = await client.listSessions({ signal: interrupt.signal });
    if (options.json) {
      output.json(list);
    } else if (list.items.length === 0) {
      output.note('You have no session: you are known by an API key.');
    } else {
      const rows = list.items.map((session) => [
        session.current ? '*' : '',
        session.id,
        session.kind,
        session.address,
        session.used_at,
        session.user_agent,
      ]);
      output.line(table(['', 'ID', 'KIND', 'ADDRESS', 'LAST USED', 'PROGRAM'], rows));
    }
    return exitCodes.success;
  },
});
