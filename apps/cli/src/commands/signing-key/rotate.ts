// `rivet signing-key rotate`: replaces the keys with which the installation signs tokens.
import { defineCommand, flag } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const signingKeyRotate = defineCommand({
  details:
    'Orchestrators do this by themselves from time to time. Nobody is signed out: the new keys are published before they sign, and the old ones count until their last tokens have ended.',
  examples: [
    { command: 'rivet signing-key rotate', what: 'In the usual course' },
    {
      command: 'rivet signing-key rotate --at-once',
      what: 'A key was stolen: its tokens count no more; sessions take new ones by themselves',
    },
  ],
  json: '`{items: [{id, purpose, algorithm, state, created_at, ends_at}]}`',
  options: {
    ...serverOptions,
    atOnce: flag('End the tokens of the old keys now'),
  },
  async run(context, _args, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const body = { at_once: options.atOnce };
    const list = await client.rotateSigningKeys({ body, signal: interrupt.signal });
    if (options.json) output.json(list);
    else
      output.line(`New keys are made: ${list.items.length} are known now (rivet signing-key list)`);
    return exitCodes.success;
  },
});
