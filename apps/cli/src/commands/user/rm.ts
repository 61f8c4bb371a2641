// `rivet user rm`: deletes a user with everything that let them in.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const userRm = defineCommand({
  details:
    'Sessions, API keys and grants go with the user; pipelines and jobs stay. To keep the name from being taken again, lock the user out instead: rivet user set NAME --lock.',
  examples: [{ command: 'rivet user rm ada', what: 'Delete the user "ada"' }],
  json: '`{removed}`, the name or id that was given',
  arguments: { name: required('Name of the user, its id, or a unique beginning of the id') },
  options: serverOptions,
  async run(context, { name: ref }, options) {
    const client = await openClient(context, options);
    await client.deleteUser({ ref, signal: context.interrupt.signal });
    if (options.json) context.output.json({ removed: ref });
    else context.output.line(`Removed the user ${ref}, with sessions, API keys and grants`);
    return exitCodes.success;
  },
});
