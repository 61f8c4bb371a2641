// `rivet pipeline delete`: removes a pipeline; its jobs stay.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const pipelineDelete = defineCommand({
  details: 'Refused while one of its jobs is not finished.',
  examples: [{ command: 'rivet pipeline delete build', what: 'Delete the pipeline "build"' }],
  json: '`{deleted}`, the name or id that was given',
  arguments: { ref: required('Name of the pipeline, its id, or a unique beginning of the id') },
  options: serverOptions,
  async run(context, { ref }, options) {
    const client = await openClient(context, options);
    await client.deletePipeline({ ref, signal: context.interrupt.signal });
    if (options.json) context.output.json({ deleted: ref });
    else context.output.line(`Deleted the pipeline "${ref}"; its jobs stay`);
    return exitCodes.success;
  },
});
