// `rivet user reset-password`: a temporary password for who has forgotten theirs.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const userResetPassword = defineCommand({
  details:
    'The old password and all sessions end at once. The temporary one lets the user sign in once, to set another. When the last administrator has forgotten theirs: `rivet migrate --admin NAME` on the server.',
  examples: [{ command: 'rivet user reset-password ada', what: 'Shown this once' }],
  json: '`{user: {id, name, role, …}, temporary_password, expires_at}`',
  arguments: { name: required('Name of the user, its id, or a unique beginning of the id') },
  options: serverOptions,
  async run(context, { name: ref }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const made = await client.resetUserPassword({ ref, signal: interrupt.signal });
    if (options.json) {
      output.json(made);
    } else {
      output.line(
        `Temporary password of ${made.user.name}: ${output.style.bold(made.temporary_password)}`,
      );
      output.note(`It is shown this once, and is good for one sign-in until ${made.expires_at}.`);
    }
    return exitCodes.success;
  },
});
