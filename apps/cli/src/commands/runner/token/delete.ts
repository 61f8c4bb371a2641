// `rivet runner token delete`: nobody registers with that token any more.
import { defineCommand, required } from '../../../command.ts';
import { exitCodes } from '../../../exit-codes.ts';
import { openClient, serverOptions } from '../../../server.ts';

export const runnerTokenDelete = defineCommand({
  details: 'Runners that have registered with it stay: they have tokens of their own.',
  examples: [
    {
      command: 'rivet runner token delete 0199a1b2-0000-7000-8000-000000000000',
      what: 'The id from `rivet runner token list`',
    },
  ],
  json: '`{deleted}`: the id',
  arguments: { id: required('The whole id') },
  options: serverOptions,
  async run(context, { id }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    await client.deleteRegistrationToken({ id, signal: interrupt.signal });
    if (options.json) output.json({ deleted: id });
    else output.line(`Deleted the registration token ${id}.`);
    return exitCodes.success;
  },
});
