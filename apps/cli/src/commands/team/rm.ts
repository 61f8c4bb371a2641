// `rivet team rm`: deletes a team.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const teamRm = defineCommand({
  details: 'Its grants go with it; its members stay users.',
  examples: [{ command: 'rivet team rm web', what: 'Delete the team "web"' }],
  json: '`{removed}`, the name or id that was given',
  arguments: { team: required('Name of the team, its id, or a unique beginning of the id') },
  options: serverOptions,
  async run(context, { team: ref }, options) {
    const client = await openClient(context, options);
    await client.deleteTeam({ ref, signal: context.interrupt.signal });
    if (options.json) context.output.json({ removed: ref });
    else context.output.line(`Removed the team ${ref}, with its grants`);
    return exitCodes.success;
  },
});
