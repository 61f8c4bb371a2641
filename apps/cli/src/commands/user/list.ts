// `rivet user list`: who may sign in.
import { defineCommand, integer, text } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { printPage, readPages } from '../../pages.ts';
import { openClient, serverOptions } from '../../server.ts';

export const userList = defineCommand({
  examples: [
    { command: 'rivet user list', what: 'All users by name' },
    { command: 'rivet user list --search ada', what: 'Those whose name contains "ada"' },
  ],
  json: '`{items: [{id, name, role, disabled, password, created_at, last_login_at}], next_cursor}`',
  options: {
    ...serverOptions,
    search: text('TEXT', 'Only names that contain this text'),
    limit: integer('N', 'At most so many; 100 when absent', 1, 100_000),
  },
  async run(context, _args, options) {
    const client = await openClient(context, options);
    const { search, json } = options;
    const page = await readPages(options.limit ?? 100, (query) =>
      client.listUsers({
        query: { ...query, ...(search === undefined ? {} : { search }) },
        signal: context.interrupt.signal,
      }),
    );
    printPage(context.output, page, {
      json,
      heading: ['NAME', 'ROLE', 'PASSWORD', 'LAST SIGN-IN', ''],
      row: (user) => [
        user.name,
        user.role,
        user.password,
        user.last_login_at ?? 'never',
        user.disabled ? 'locked out' : '',
      ],
      empty: 'No user fits.',
    });
    return exitCodes.success;
  },
});
