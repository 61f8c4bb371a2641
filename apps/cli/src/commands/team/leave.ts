// `rivet team leave`: takes users out of a team.
import { defineCommand, many, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';
import { requireUsers } from './require-users.ts';

export const teamLeave = defineCommand({
  details: 'What the team may, they may no more: at once.',
  examples: [{ command: 'rivet team leave web ada', what: 'Take "ada" out of "web"' }],
  json: '`{team, left: [name]}`',
  arguments: {
    team: required('Name of the team, its id, or a unique beginning of the id'),
    user: many('Names of users'),
  },
  options: serverOptions,
  async run(context, { team: ref, user: users }, options) {
    requireUsers(users);
    const client = await openClient(context, options);
    for (const user of users) {
      await client.removeTeamMember({ ref, user, signal: context.interrupt.signal });
      if (!options.json) context.output.line(`${user} does not belong to the team ${ref} any more`);
    }
    if (options.json) context.output.json({ team: ref, left: users });
    return exitCodes.success;
  },
});
