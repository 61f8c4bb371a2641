// `rivet runner remove`: takes runners out of the installation.
import { defineCommand, flag, many } from '../../command.ts';
import { serverOptions } from '../../server.ts';
import { changeEach, runnersSummary } from './each-runner.ts';

export const runnerRemove = defineCommand({
  details: [
    'The name is free for another, and the token of the runner is worth nothing any more: to come back it registers anew.',
    'Refused while the runner has jobs; with --force they are lost at once, and go on elsewhere where their pipelines allow',
    'another attempt. For a runner that is not trusted any more: `rivet runner revoke`, which is the same as --force.',
  ].join('\n'),
  examples: [
    { command: 'rivet runner remove builder-1 builder-2', what: 'Once they have been drained' },
    { command: 'rivet runner remove builder-1 --force', what: 'Its machine is gone' },
  ],
  json: '`{items: [runner]}`: as they were',
  arguments: { runner: many(runnersSummary) },
  options: { ...serverOptions, force: flag('Also when it has jobs: they are lost') },
  run(context, { runner: refs }, { force, ...options }) {
    const query = force ? {} : ({ if_idle: 'yes' } as const);
    return changeEach(
      context,
      refs,
      options,
      async (client, { ref, signal }) => {
        const runner = await client.getRunner({ ref, signal });
        await client.revokeRunner({ ref, query, signal });
        return runner;
      },
      ({ name }) => `Removed the runner ${name}.`,
    );
  },
});
