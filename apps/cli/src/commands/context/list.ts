// `rivet context list`: the servers that the configuration file knows.
import { defineCommand, flag } from '../../command.ts';
import { currentContext } from '../../config.ts';
import { readConfigFile, type StoredContext } from '../../config-file.ts';
import { exitCodes } from '../../exit-codes.ts';
import { table } from '../../output.ts';

export const contextList = defineCommand({
  details:
    'A context is a server and who you are there. The one with the * is used when a command names none.',
  examples: [{ command: 'rivet context list', what: 'All of them; asks no server' }],
  json: '`{items: [{name, url, user, signed_in: "session"|"api_key"|null, current}]}`, never a token',
  options: { json: flag('Print JSON') },
  async run({ env, output }, _args, options) {
    const file = await readConfigFile(env);
    const current = currentContext(file, env);
    const items = [...file.contexts].map(([name, context]) => ({
      name,
      url: context.url,
      user: context.user ?? null,
      signed_in: signedIn(context),
      current: name === current,
    }));
    if (options.json) {
      output.json({ items });
    } else if (items.length === 0) {
      output.note('There are none yet. Sign in to a server with: rivet login URL');
    } else {
      const words = { session: 'session', api_key: 'API key' };
      const rows = items.map(({ name, url, user, signed_in: by, current: isCurrent }) => [
        isCurrent ? '*' : '',
        name,
        user ?? '',
        by === null ? 'no: rivet login' : words[by],
        url,
      ]);
      output.line(table(['', 'NAME', 'USER', 'SIGNED IN', 'SERVER'], rows));
    }
    return exitCodes.success;
  },
});

function signedIn(context: StoredContext): 'session' | 'api_key' | null {
  if (context.api_key !== undefined) return 'api_key';
  return context.refresh_token === undefined ? null : 'session';
}
