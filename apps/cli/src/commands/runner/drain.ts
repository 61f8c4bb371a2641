// `rivet runner drain`: lets runners finish what they run, then end.
import { defineCommand, many } from '../../command.ts';
import { serverOptions } from '../../server.ts';
import { changeEach, noteOption, runnersSummary } from './each-runner.ts';

export const runnerDrain = defineCommand({
  details: [
    'The runner is given nothing more. When it has finished what it runs, however long that takes, its process ends with',
    'exit code 0. Started again it is paused until `rivet runner resume`, so that what starts it again (systemd, Compose)',
    'does not undo this. Resumed before it has ended it goes on. A runner that is offline is paused.',
  ].join('\n'),
  examples: [
    {
      command: 'rivet runner drain builder-1 --note "machine is replaced"',
      what: 'Then `rivet runner remove builder-1` once it is offline',
    },
  ],
  json: '`{items: [runner]}`, each as in `rivet runner show`',
  arguments: { runner: many(runnersSummary) },
  options: { ...serverOptions, note: noteOption },
  run(context, { runner: refs }, { note, ...options }) {
    return changeEach(
      context,
      refs,
      options,
      (client, ref) => client.drainRunner({ ...ref, body: note === undefined ? {} : { note } }),
      ({ name, running }) =>
        running === 0
          ? `The runner ${name} is given no more jobs and ends.`
          : `The runner ${name} is given no more jobs and ends when it has none; it has ${running}.`,
    );
  },
});
