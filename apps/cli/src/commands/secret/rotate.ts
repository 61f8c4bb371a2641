// `rivet secret rotate`: wraps the keys of all sealed values with the current master key.
import { defineCommand, flag } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import type { Output } from '../../output.ts';
import { openClient, serverOptions } from '../../server.ts';

export const secretRotate = defineCommand({
  details: [
    'The last step but one of replacing the master key; docs/operating/master-key.md has all of them. Everything goes on',
    'meanwhile. It can be interrupted and run again, and says how many values the master key before still holds: with',
    'none left, RIVET_MASTER_KEY_PREVIOUS can go.',
  ].join('\n'),
  examples: [
    { command: 'rivet secret rotate --status', what: 'Which master key holds how many values' },
    { command: 'rivet secret rotate', what: 'Until the master key before holds none' },
  ],
  json: '`{key_id, rewrapped, left}`; with `--status` `{key_id, other_key_id, sealed: [{key_id, count}]}`',
  options: { ...serverOptions, status: flag('Only say how it stands') },
  async run(context, _args, options) {
    const { output, interrupt } = context;
    const { signal } = interrupt;
    const client = await openClient(context, options);
    if (options.status) {
      const status = await client.getMasterKey({ signal });
      if (options.json) output.json(status);
      else printStatus(output, status);
      return exitCodes.success;
    }
    let rewrapped = 0;
    for (;;) {
      const step = await client.rewrapKeys({ signal });
      rewrapped += step.rewrapped;
      if (step.left > 0 && step.rewrapped > 0) {
        if (!options.json) output.note(`${step.left} left…`);
        continue;
      }
      const { key_id, left } = step;
      if (options.json) output.json({ key_id, rewrapped, left });
      else output.line(`The master key ${key_id} holds ${rewrapped} more values; ${left} are left`);
      if (left === 0) return exitCodes.success;
      output.note(
        'Those cannot be opened with RIVET_MASTER_KEY_PREVIOUS; the log of the orchestrator names their tables.',
      );
      return exitCodes.failed;
    }
  },
});

function printStatus(
  output: Output,
  status: {
    readonly key_id: string;
    readonly other_key_id: string | null;
    readonly sealed: readonly { readonly key_id: string; readonly count: number }[];
  },
): void {
  for (const { key_id, count } of status.sealed) {
    const other =
      key_id === status.other_key_id ? 'the other one' : 'not known to this orchestrator';
    const role = key_id === status.key_id ? 'current' : other;
    output.line(`${key_id}  ${count} ${count === 1 ? 'value' : 'values'}, ${role}`);
  }
}
