// `rivet pipeline show`: a pipeline's inputs and stages, or its files.

import { defineCommand, flag, required } from '../../command.ts';
import { describePipeline } from '../../describe-pipeline.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const pipelineShow = defineCommand({
  examples: [
    { command: 'rivet pipeline show build', what: 'What it takes and what it does' },
    { command: 'rivet pipeline show build --source', what: 'Its main file, as it was created' },
  ],
  json: '`{id, name, description, version, created_at, updated_at, definition, bundle: {main, files}}`',
  arguments: { ref: required('Name of the pipeline, its id, or a unique beginning of the id') },
  options: { ...serverOptions, source: flag('Print the main file instead') },
  async run(context, { ref }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const pipeline = await client.getPipeline({ ref, signal: interrupt.signal });
    const { bundle } = pipeline;
    if (options.json) {
      output.json(pipeline);
    } else if (options.source) {
      output.line((bundle.files[bundle.main] ?? '').replace(/\n$/, ''));
    } else {
      const { bold, dim } = output.style;
      output.line(`${bold(pipeline.name)}  version ${pipeline.version}`);
      if (pipeline.description !== '') output.line(pipeline.description);
      output.line(dim(`id ${pipeline.id}, updated ${pipeline.updated_at}`));
      for (const line of describePipeline(pipeline.definition, output.style)) output.line(line);
    }
    return exitCodes.success;
  },
});
