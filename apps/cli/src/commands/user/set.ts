// `rivet user set`: gives a user another role, or locks them out or in.
import { RivetError } from '@rivet/base';
import { roles } from '@rivet/protocol';
import { choice, defineCommand, flag, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const userSet = defineCommand({
  details:
    'It counts at once: sessions and API keys of a user who is locked out are refused from the next request on. The last administrator stays one.',
  examples: [
    { command: 'rivet user set ada --role viewer', what: 'From now on she only looks' },
    { command: 'rivet user set ada --lock', what: 'Lock her out: sessions and API keys too' },
    { command: 'rivet user set ada --unlock', what: 'And in again' },
  ],
  json: '`{id, name, role, disabled, password, created_at, last_login_at}`',
  arguments: { name: required('Name of the user, its id, or a unique beginning of the id') },
  options: {
    ...serverOptions,
    role: choice('ROLE', 'The most that the user can ever do', roles),
    lock: flag('Lock the user out'),
    unlock: flag('Let the user in again'),
    link: flag('Who signs in elsewhere with this name within a day is this user from then on'),
  },
  async run(context, { name: ref }, options) {
    const { role, lock, unlock, link } = options;
    const nothing = !lock && !unlock && !link && role === undefined;
    if (nothing || (lock && unlock)) {
      throw RivetError.of('RIVET_USAGE', {
        problem: lock ? '--lock and --unlock exclude each other' : 'nothing is to be changed',
        hint: 'Give --role, --lock, --unlock or --link.',
      });
    }
    const client = await openClient(context, options);
    const body = {
      ...(role === undefined ? {} : { role }),
      ...(lock || unlock ? { disabled: lock } : {}),
      ...(link && { link: true as const }),
    };
    const user = await client.changeUser({ ref, body, signal: context.interrupt.signal });
    if (options.json) context.output.json(user);
    else {
      const locked = user.disabled ? ', locked out' : '';
      context.output.line(`${user.name} has the role ${user.role} now${locked}`);
    }
    return exitCodes.success;
  },
});
