// `rivet job cancel`: asks for a job to end.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { isFinal } from '../../job-text.ts';
import { openClient, serverOptions } from '../../server.ts';

export const jobCancel = defineCommand({
  details:
    'A queued job ends at once. A running one is told through its runner and cleans up first.',
  examples: [{ command: 'rivet job cancel 0195', what: 'Any unique beginning of the id will do' }],
  json: 'the job as in `rivet pipeline launch --json`',
  arguments: {
    id: required('Id of the job, or a unique beginning of it (four characters or more)'),
  },
  options: serverOptions,
  async run(context, { id }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const job = await client.cancelJob({ id, signal: interrupt.signal });
    if (options.json) output.json(job);
    else if (isFinal(job.state)) output.line(`Job ${job.id} is ${job.state}`);
    else {
      output.line(`Job ${job.id} is being canceled`);
      output.note(`See it end with: rivet job logs ${job.id} --follow`);
    }
    return exitCodes.success;
  },
});
