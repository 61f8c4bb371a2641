// `rivet runner revoke`: ends a runner; its token is worth nothing from then on.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const runnerRevoke = defineCommand({
  details: [
    'The runner is refused at once, and the jobs that it runs end as lost, or go on elsewhere where their pipelines',
    'allow it. Its name is free for another. A registration token that it came with stays: see `rivet runner token list`.',
  ].join('\n'),
  examples: [
    { command: 'rivet runner revoke builder-1', what: 'When its machine is gone, or not trusted' },
  ],
  json: '`{revoked}`: the id of the runner',
  arguments: { runner: required('Name, id or the beginning of the id') },
  options: serverOptions,
  async run(context, { runner: ref }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const runner = await client.getRunner({ ref, signal: interrupt.signal });
    // By its id: the name may be another's by now.
    await client.revokeRunner({ ref: runner.id, signal: interrupt.signal });
    if (options.json) output.json({ revoked: runner.id });
    else output.line(`Revoked the runner ${runner.name}.`);
    return exitCodes.success;
  },
});
