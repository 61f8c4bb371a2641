// `rivet runner rotate`: asks a runner to change its token.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const runnerRotate = defineCommand({
  details: [
    'A runner that is online makes itself a new token within half a minute and loses no job over it; one that is offline',
    'does when it comes back. Without being asked, runners do it every 30 days. A token that somebody else may have is',
    'better revoked.',
  ].join('\n'),
  examples: [
    { command: 'rivet runner rotate builder-1', what: 'See "Token since" of `rivet runner show`' },
  ],
  json: 'the runner, as in `rivet runner show`',
  arguments: { runner: required('Name, id or the beginning of the id') },
  options: serverOptions,
  async run(context, { runner: ref }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const runner = await client.rotateRunner({ ref, signal: interrupt.signal });
    if (options.json) output.json(runner);
    else output.line(`The runner ${runner.name} changes its token with its next request for jobs.`);
    return exitCodes.success;
  },
});
