// `rivet team add`: makes a team.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const teamAdd = defineCommand({
  examples: [{ command: 'rivet team add web', what: 'Then: rivet team join web ada grace' }],
  json: '`{id, name, everybody, members, created_at}`',
  arguments: { name: required('Name of the team, in lower case') },
  options: serverOptions,
  async run(context, { name }, options) {
    const client = await openClient(context, options);
    const team = await client.createTeam({ body: { name }, signal: context.interrupt.signal });
    if (options.json) context.output.json(team);
    else context.output.line(`Made the team ${team.name}`);
    return exitCodes.success;
  },
});
