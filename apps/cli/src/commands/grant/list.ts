// `rivet grant list`: who was given what.
import { choice, defineCommand, integer, text } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { wordsOf } from '../../grant-text.ts';
import { printPage, readPages } from '../../pages.ts';
import { openClient, serverOptions } from '../../server.ts';

export const grantList = defineCommand({
  details:
    'What somebody may after all of it, with the role and the teams, is what `rivet whoami` tells them.',
  examples: [
    { command: 'rivet grant list', what: 'All, newest first' },
    { command: 'rivet grant list --user ada', what: 'Those of ada itself; not of her teams' },
  ],
  json: '`{items: [{id, user, team, kind, pattern, permissions, created_by, created_at}], next_cursor}`',
  options: {
    ...serverOptions,
    user: text('NAME', 'Only those of this user'),
    team: text('NAME', 'Only those of this team'),
    kind: choice('KIND', 'Only those on objects of this kind', ['pipeline', 'secret']),
    limit: integer('N', 'At most so many; 100 when absent', 1, 100_000),
  },
  async run(context, _args, options) {
    const client = await openClient(context, options);
    const { user, team, kind } = options;
    const filter = {
      ...(user === undefined ? {} : { user }),
      ...(team === undefined ? {} : { team }),
      ...(kind === undefined ? {} : { kind }),
    };
    const page = await readPages(options.limit ?? 100, (query) =>
      client.listGrants({ query: { ...query, ...filter }, signal: context.interrupt.signal }),
    );
    printPage(context.output, page, {
      json: options.json,
      heading: ['ID', 'WHO', 'KIND', 'PATTERN', 'MAY'],
      row: (grant) => [
        grant.id,
        grant.team === null ? `user ${grant.user}` : `team ${grant.team}`,
        grant.kind,
        grant.pattern,
        wordsOf(grant.kind, grant.permissions),
      ],
      empty:
        "There is no such grant. Make one: rivet grant add view --user ada --pipeline 'deploy-*'",
    });
    return exitCodes.success;
  },
});
