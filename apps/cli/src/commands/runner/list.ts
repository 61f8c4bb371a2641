// `rivet runner list`: the runners of the installation.
import { defineCommand } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { table } from '../../output.ts';
import { openClient, serverOptions } from '../../server.ts';
import { pauseText } from './pause-text.ts';

export const runnerList = defineCommand({
  examples: [{ command: 'rivet runner list', what: 'Who is online, with tags and load' }],
  json: '`{items: [{id, name, state, tags: [{key, value}], pipelines, capacity, running, pause: {until, note, by, drain} or null, problem, version, token_since, created_at, last_seen_at}], next_cursor}`',
  options: serverOptions,
  async run(context, _args, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const page = await client.listRunners({ signal: interrupt.signal });
    if (options.json) {
      output.json(page);
    } else if (page.items.length === 0) {
      output.note('There are no runners yet. Let one in with: rivet runner token create');
    } else {
      const rows = page.items.map((runner) => [
        runner.name,
        runner.state,
        `${runner.running}/${runner.capacity}`,
        runner.last_seen_at ?? 'never',
        runner.tags.map(({ key, value }) => `${key}=${value}`).join(' '),
      ]);
      output.line(table(['NAME', 'STATE', 'JOBS', 'LAST SEEN', 'TAGS'], rows));
      for (const runner of page.items) {
        if (runner.pause !== null) output.line(`${runner.name} is paused ${pauseText(runner)}.`);
        if (runner.problem !== null)
          output.line(`${runner.name} takes no jobs: ${runner.problem}.`);
      }
    }
    return exitCodes.success;
  },
});
