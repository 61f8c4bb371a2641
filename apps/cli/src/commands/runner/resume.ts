// `rivet runner resume`: gives runners jobs again.
import { defineCommand, many } from '../../command.ts';
import { serverOptions } from '../../server.ts';
import { changeEach, runnersSummary } from './each-runner.ts';

export const runnerResume = defineCommand({
  details: 'Ends a pause or a drain. One that is neither paused nor drained stays as it is.',
  examples: [{ command: 'rivet runner resume builder-1', what: 'It is given jobs at once' }],
  json: '`{items: [runner]}`, each as in `rivet runner show`',
  arguments: { runner: many(runnersSummary) },
  options: serverOptions,
  run(context, { runner: refs }, options) {
    return changeEach(
      context,
      refs,
      options,
      (client, ref) => client.resumeRunner(ref),
      ({ name, state }) =>
        state === 'offline'
          ? `The runner ${name} is given jobs again when it is online.`
          : `The runner ${name} is given jobs again.`,
    );
  },
});
