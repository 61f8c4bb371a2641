// `rivet grant rm`: takes a grant back.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const grantRm = defineCommand({
  details: 'It counts at once; logs that are being followed end within seconds.',
  examples: [
    { command: 'rivet grant rm 0198c0de', what: 'By the beginning of its id: rivet grant list' },
  ],
  json: '`{removed}`, the id that was given',
  arguments: { id: required('Id of the grant, or a unique beginning of it') },
  options: serverOptions,
  async run(context, { id }, options) {
    const client = await openClient(context, options);
    await client.deleteGrant({ id, signal: context.interrupt.signal });
    if (options.json) context.output.json({ removed: id });
    else context.output.line(`Took the grant ${id} back`);
    return exitCodes.success;
  },
});
