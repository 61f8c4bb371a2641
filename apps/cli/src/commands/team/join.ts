// `rivet team join`: puts users into a team.
import { defineCommand, many, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';
import { requireUsers } from './require-users.ts';

export const teamJoin = defineCommand({
  examples: [{ command: 'rivet team join web ada grace', what: 'Who is in it already stays' }],
  json: '`{team, joined: [name]}`',
  arguments: {
    team: required('Name of the team, its id, or a unique beginning of the id'),
    user: many('Names of users'),
  },
  options: serverOptions,
  async run(context, { team: ref, user: users }, options) {
    requireUsers(users);
    const client = await openClient(context, options);
    for (const user of users) {
      await client.addTeamMember({ ref, user, signal: context.interrupt.signal });
      if (!options.json) context.output.line(`${user} belongs to the team ${ref} now`);
    }
    if (options.json) context.output.json({ team: ref, joined: users });
    return exitCodes.success;
  },
});
