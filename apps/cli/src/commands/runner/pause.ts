// `rivet runner pause`: gives runners no jobs for a while.
import { defineCommand, many, text } from '../../command.ts';
import { parseDurationOption } from '../../duration-option.ts';
import { serverOptions } from '../../server.ts';
import { changeEach, noteOption, runnersSummary } from './each-runner.ts';
import { pauseText } from './pause-text.ts';

export const runnerPause = defineCommand({
  details: [
    'A runner that is paused finishes what it runs and is given nothing more, from the moment the command has ended. The',
    'pause ends by itself after --for, otherwise with `rivet runner resume`. Paused again, the new duration and note count.',
  ].join('\n'),
  examples: [
    {
      command: 'rivet runner pause builder-1 --for 30m --note "new disk"',
      what: 'For half an hour; `rivet job explain` tells whoever waits for it',
    },
    { command: 'rivet runner pause builder-1 builder-2', what: 'Until they are resumed' },
  ],
  json: '`{items: [runner]}`, each as in `rivet runner show`',
  arguments: { runner: many(runnersSummary) },
  options: {
    ...serverOptions,
    for: text('DURATION', 'How long, at most 365d; until they are resumed when absent'),
    note: noteOption,
  },
  run(context, { runner: refs }, { for: duration, note, ...options }) {
    const body = {
      ...(duration !== undefined && {
        for_seconds: parseDurationOption('--for', duration, 'such as 30m or 8h, at most 365d'),
      }),
      ...(note !== undefined && { note }),
    };
    return changeEach(
      context,
      refs,
      options,
      (client, ref) => client.pauseRunner({ ...ref, body }),
      (runner) => `The runner ${runner.name} is paused ${pauseText(runner)}.`,
    );
  },
});
