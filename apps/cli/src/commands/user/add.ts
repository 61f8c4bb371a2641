// `rivet user add`: makes a user, and shows the temporary password once.
import { roles } from '@rivet/protocol';
import { choice, defineCommand, flag, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const userAdd = defineCommand({
  details: [
    'The temporary password lets the user do one thing: sign in and set another. Give it to them in private; it is',
    'not shown again. A new user may nothing but what the team `everyone` may: see `rivet grant add`.',
  ].join('\n'),
  examples: [
    { command: 'rivet user add ada', what: 'With the role `user`' },
    { command: 'rivet user add grace --role admin', what: 'Another administrator' },
    {
      command: 'rivet user add lin --no-password --link',
      what: 'Somebody who signs in elsewhere under this name: rivet login --sso',
    },
    {
      command: 'rivet user add deployer --no-password',
      what: 'A program: rivet api-key create deploy --user deployer',
    },
  ],
  json: '`{user: {id, name, role, …}, temporary_password, expires_at}`; the last two are null without a password',
  arguments: { name: required('What the user signs in with, in lower case') },
  options: {
    ...serverOptions,
    role: choice('ROLE', 'The most that the user can ever do; `user` when absent', roles),
    noPassword: flag('For programs, and for people who sign in elsewhere (SSO)'),
    link: flag('Who signs in elsewhere with this name within a day is this user from then on'),
  },
  async run(context, { name }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const body = {
      name,
      role: options.role ?? 'user',
      password: !options.noPassword,
      ...(options.link && { link: true as const }),
    };
    const made = await client.createUser({ body, signal: interrupt.signal });
    if (options.json) {
      output.json(made);
      return exitCodes.success;
    }
    const { user, temporary_password: password, expires_at: expiresAt } = made;
    output.line(`Added ${user.name} with the role ${user.role}`);
    if (password !== null) {
      output.line(`Temporary password: ${output.style.bold(password)}`);
      output.note(`It is shown this once, and is good for one sign-in until ${expiresAt}.`);
    }
    return exitCodes.success;
  },
});
