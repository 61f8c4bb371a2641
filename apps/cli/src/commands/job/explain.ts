// `rivet job explain`: why a job waits, or why it ended as it did.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const jobExplain = defineCommand({
  examples: [
    { command: 'rivet job explain 0195', what: 'For example: no runner has the tag gpu=yes' },
  ],
  details: [
    'Of a job that waits: which runners are missing, busy, paused or offline, the concurrency group that it waits for and who',
    'has it, its place in the queue. Of one that runs or has ended: why stages failed or were skipped, and attempts were lost.',
  ].join('\n'),
  json: '`{state, reasons: [text], causes: [{code, text}]}`',
  arguments: {
    id: required('Id of the job, or a unique beginning of it (four characters or more)'),
  },
  options: serverOptions,
  async run(context, { id }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const explanation = await client.explainJob({ id, signal: interrupt.signal });
    if (options.json) output.json(explanation);
    else {
      const { state } = explanation;
      output.line(
        state === 'succeeded' || state === 'failed' ? `The job ${state}.` : `The job is ${state}.`,
      );
      for (const reason of explanation.reasons) output.line(`  ${reason}`);
    }
    return exitCodes.success;
  },
});
