// `rivet api-key list`: the API keys of a user, by what they may and when they were used last.
import { defineCommand, flag, integer, text } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { printPage, readPages } from '../../pages.ts';
import { openClient, serverOptions } from '../../server.ts';

export const apiKeyList = defineCommand({
  examples: [
    { command: 'rivet api-key list', what: 'Your own' },
    { command: 'rivet api-key list --everybody', what: "An administrator: everybody's" },
  ],
  json: '`{items: [{id, name, user, prefix, permissions, pipelines, expired, created_at, expires_at, last_used_at}], next_cursor}`, never a key',
  options: {
    ...serverOptions,
    user: text('NAME', 'Those of this user'),
    everybody: flag('Those of all users'),
    limit: integer('N', 'At most so many; 100 when absent', 1, 100_000),
  },
  async run(context, _args, options) {
    const client = await openClient(context, options);
    const user = options.everybody ? '*' : options.user;
    const page = await readPages(options.limit ?? 100, (query) =>
      client.listApiKeys({
        query: { ...query, ...(user === undefined ? {} : { user }) },
        signal: context.interrupt.signal,
      }),
    );
    printPage(context.output, page, {
      json: options.json,
      heading: ['ID', 'NAME', 'USER', 'KEY', 'LAST USED', 'EXPIRES', 'MAY'],
      row: (key) => [
        key.id,
        key.name,
        key.user,
        `${key.prefix}…`,
        key.last_used_at ?? 'never',
        key.expired ? 'expired' : (key.expires_at ?? 'never'),
        limitsOf(key),
      ],
      empty: 'There is none. Make one: rivet api-key create NAME',
    });
    return exitCodes.success;
  },
});

function limitsOf({
  permissions,
  pipelines,
}: {
  permissions: readonly string[] | null;
  pipelines: readonly string[] | null;
}): string {
  const what = permissions === null ? 'all of its user' : permissions.join(' ');
  return pipelines === null ? what : `${what}, on ${pipelines.join(' ')}`;
}
