// `rivet job show`: one job with its inputs, stages and outputs.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { describeJob } from '../../job-text.ts';
import { openClient, serverOptions } from '../../server.ts';

export const jobShow = defineCommand({
  examples: [{ command: 'rivet job show 0195', what: 'Any unique beginning of the id will do' }],
  json: 'the job as in `rivet pipeline launch --json` with `inputs` (secret ones as `***`), `tags`, `stages: [{name, position, state, reason, code, run, unchecked_exits, started_at, finished_at}]`, `outputs`, `log_lines`',
  arguments: {
    id: required('Id of the job, or a unique beginning of it (four characters or more)'),
  },
  options: serverOptions,
  async run(context, { id }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const job = await client.getJob({ id, signal: interrupt.signal });
    if (options.json) output.json(job);
    else for (const line of describeJob(job, output.style, Date.now())) output.line(line);
    return exitCodes.success;
  },
});
