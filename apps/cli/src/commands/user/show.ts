// `rivet user show`: one user, with what was granted to them.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { describeGrant } from '../../grant-text.ts';
import { readPages } from '../../pages.ts';
import { openClient, serverOptions } from '../../server.ts';

/** More grants of one user are a mistake of somebody. */
const GRANTS_MAX = 1000;

export const userShow = defineCommand({
  examples: [{ command: 'rivet user show ada', what: 'Role, sign-in, grants of the user itself' }],
  json: '`{user: {id, name, role, disabled, password, created_at, last_login_at}, grants: [{id, kind, pattern, permissions, …}]}`',
  arguments: { name: required('Name of the user, its id, or a unique beginning of the id') },
  options: serverOptions,
  async run(context, { name: ref }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const { signal } = interrupt;
    const user = await client.getUser({ ref, signal });
    const { items: grants } = await readPages(GRANTS_MAX, (query) =>
      client.listGrants({ query: { ...query, user: user.name }, signal }),
    );
    if (options.json) {
      output.json({ user, grants });
      return exitCodes.success;
    }
    const rows = [
      ['Name', output.style.bold(user.name)],
      ['Role', user.role],
      ['Password', user.password],
      ['Made', user.created_at],
      ['Signed in', user.last_login_at ?? 'never'],
      ...(user.disabled ? [['Locked out', 'yes: rivet user set --unlock lets them in']] : []),
    ];
    for (const [label = '', value = ''] of rows) output.line(`${label.padEnd(10)} ${value}`);
    output.line(grants.length === 0 ? 'No grants of its own' : 'Grants');
    for (const grant of grants) output.line(`  ${describeGrant(grant)}`);
    return exitCodes.success;
  },
});
