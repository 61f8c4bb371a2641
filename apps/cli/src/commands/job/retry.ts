// `rivet job retry`: launches a new job with the version and inputs of a finished one.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const jobRetry = defineCommand({
  examples: [{ command: 'rivet job retry 0195', what: 'The old job stays as it is' }],
  json: 'the new job as in `rivet pipeline launch --json`',
  arguments: {
    id: required('Id of the job, or a unique beginning of it (four characters or more)'),
  },
  options: serverOptions,
  async run(context, { id }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const job = await client.retryJob({ id, signal: interrupt.signal });
    if (options.json) output.json(job);
    else {
      output.line(`Launched job ${job.id} of "${job.pipeline}", version ${job.version}`);
      output.note(`Follow it with: rivet job logs ${job.id} --follow`);
    }
    return exitCodes.success;
  },
});
