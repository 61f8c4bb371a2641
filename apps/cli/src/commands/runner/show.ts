// `rivet runner show`: one runner with its tags, pipelines and load.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';
import { pauseText } from './pause-text.ts';

export const runnerShow = defineCommand({
  examples: [{ command: 'rivet runner show builder-1', what: 'What it has, and what it may run' }],
  json: '`{id, name, state, tags: [{key, value}], pipelines: [PATTERN], capacity, running, pause: {until, note, by, drain} or null, problem, version, token_since, created_at, last_seen_at}`',
  arguments: { runner: required('Name, id or the beginning of the id') },
  options: serverOptions,
  async run(context, { runner: ref }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const runner = await client.getRunner({ ref, signal: interrupt.signal });
    if (options.json) {
      output.json(runner);
      return exitCodes.success;
    }
    const tags = runner.tags.map(({ key, value }) => `${key}=${value}`);
    for (const [label, value] of [
      ['Name', runner.name],
      ['Id', runner.id],
      ['State', runner.state],
      ...(runner.pause === null ? [] : [['Paused', pauseText(runner)] as const]),
      ...(runner.problem === null ? [] : [['Problem', runner.problem] as const]),
      ['Jobs', `${runner.running} of ${runner.capacity}`],
      ['Tags', tags.join(' ') || 'none'],
      ['Pipelines', runner.pipelines.join(' ')],
      ['Version', runner.version],
      ['Last seen', runner.last_seen_at ?? 'never'],
      ['Token since', runner.token_since],
      ['Registered', runner.created_at],
    ] as const) {
      output.line(`${`${label}:`.padEnd(13)}${value}`);
    }
    return exitCodes.success;
  },
});
