// `rivet session end`: signs out somewhere else.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const sessionEnd = defineCommand({
  details: 'All of them at once: rivet logout --everywhere.',
  examples: [
    {
      command: 'rivet session end 0198c0de-0000-7000-8000-000000000001',
      what: 'By its id: rivet session list',
    },
  ],
  json: '`{ended}`, the id that was given',
  arguments: { id: required('Id of the session') },
  options: serverOptions,
  async run(context, { id }, options) {
    const client = await openClient(context, options);
    await client.endSession({ id, signal: context.interrupt.signal });
    if (options.json) context.output.json({ ended: id });
    else context.output.line(`The session ${id} has ended`);
    return exitCodes.success;
  },
});
