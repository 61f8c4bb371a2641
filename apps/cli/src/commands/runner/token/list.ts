// `rivet runner token list`: the tokens that runners register with, without the tokens themselves.
import { defineCommand } from '../../../command.ts';
import { exitCodes } from '../../../exit-codes.ts';
import { table } from '../../../output.ts';
import { openClient, serverOptions } from '../../../server.ts';

export const runnerTokenList = defineCommand({
  examples: [{ command: 'rivet runner token list', what: 'Newest first, used up and expired too' }],
  json: '`{items: [{id, prefix, description, uses_max, uses, tags, tag_keys, pipelines, created_by, created_at, expires_at}], next_cursor}`',
  options: serverOptions,
  async run(context, _args, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const page = await client.listRegistrationTokens({ signal: interrupt.signal });
    if (options.json) {
      output.json(page);
    } else if (page.items.length === 0) {
      output.note('There is none. Make one: rivet runner token create');
    } else {
      const rows = page.items.map((token) => [
        token.id,
        `${token.prefix}…`,
        `${token.uses}/${token.uses_max}`,
        token.expires_at,
        token.created_by,
        token.tags.map(({ key, value }) => `${key}=${value}`).join(' '),
        token.pipelines.join(' '),
        token.description,
      ]);
      const heading = ['ID', 'TOKEN', 'USED', 'EXPIRES', 'BY', 'TAGS', 'PIPELINES', 'FOR'];
      output.line(table(heading, rows));
    }
    return exitCodes.success;
  },
});
