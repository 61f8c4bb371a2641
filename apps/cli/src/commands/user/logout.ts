// `rivet user logout`: ends all sessions of a user.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const userLogout = defineCommand({
  details:
    'For a laptop that was lost. API keys stay valid: `rivet api-key list --user NAME`. Your own sessions end with `rivet logout --everywhere`.',
  examples: [{ command: 'rivet user logout ada', what: 'Everywhere, at once' }],
  json: '`{logged_out}`, the name or id that was given',
  arguments: { name: required('Name of the user, its id, or a unique beginning of the id') },
  options: serverOptions,
  async run(context, { name: ref }, options) {
    const client = await openClient(context, options);
    await client.logOutUser({ ref, signal: context.interrupt.signal });
    if (options.json) context.output.json({ logged_out: ref });
    else context.output.line(`All sessions of ${ref} have ended`);
    return exitCodes.success;
  },
});
