// `rivet context rm`: forgets a server.
import { defineCommand, flag, required } from '../../command.ts';
import { findContext } from '../../config.ts';
import { readConfigFile } from '../../config-file.ts';
import { forgetContext } from '../../contexts.ts';
import { exitCodes } from '../../exit-codes.ts';

export const contextRm = defineCommand({
  details:
    'Asks no server: a session that it keeps goes on there until `rivet logout`, which comes first as a rule.',
  examples: [{ command: 'rivet context rm old', what: 'Forget it, with its tokens' }],
  json: '`{removed}`',
  arguments: { name: required('Name of the context') },
  options: { json: flag('Print JSON') },
  async run({ env, output }, { name }, options) {
    const { refresh_token: session, url } = findContext(await readConfigFile(env), name);
    await forgetContext(env, name);
    if (options.json) output.json({ removed: name });
    else output.line(`Forgot the context ${name} (${url})`);
    if (session !== undefined) {
      output.note(
        'Its session goes on at the server: it ends by itself when it is not used for 30 days.',
      );
    }
    return exitCodes.success;
  },
});
