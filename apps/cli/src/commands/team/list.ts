// `rivet team list`: the teams with their members.
import { defineCommand, integer } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { printPage, readPages } from '../../pages.ts';
import { openClient, serverOptions } from '../../server.ts';

export const teamList = defineCommand({
  details: 'Everybody belongs to the team `everyone` without being listed.',
  examples: [{ command: 'rivet team list', what: 'All teams with their members' }],
  json: '`{items: [{id, name, everybody, members, created_at}], next_cursor}`',
  options: {
    ...serverOptions,
    limit: integer('N', 'At most so many; 100 when absent', 1, 100_000),
  },
  async run(context, _args, options) {
    const client = await openClient(context, options);
    const page = await readPages(options.limit ?? 100, (query) =>
      client.listTeams({ query, signal: context.interrupt.signal }),
    );
    printPage(context.output, page, {
      json: options.json,
      heading: ['NAME', 'MEMBERS'],
      row: (team) => [team.name, team.everybody ? 'everybody' : team.members.join(' ')],
      empty: 'There are no teams.',
    });
    return exitCodes.success;
  },
});
