// `rivet pipeline create`: sends a pipeline file to the server, which validates it and makes a
// version.
import { defineCommand, required } from '../../command.ts';
import { loadConfig } from '../../config.ts';
import { exitCodes } from '../../exit-codes.ts';
import { readPipelineFile } from '../../read-pipeline-file.ts';
import { openClient, serverOptions } from '../../server.ts';

export const pipelineCreate = defineCommand({
  details:
    'The file, what it requires and the plugins that it uses are sent. An existing name gets its next version; the same files again change nothing.',
  examples: [
    { command: 'rivet pipeline create pipeline.lua', what: 'Create it, or make its next version' },
    {
      command: 'rivet pipeline create ci/deploy.lua --json',
      what: 'For scripts: print what the server stored',
    },
  ],
  json: '`{id, name, description, version, created_at, updated_at, changed}`; `changed` is false when the files were the current version already',
  arguments: { file: required('The pipeline file') },
  options: serverOptions,
  async run(context, { file }, options) {
    const config = await loadConfig(context.env);
    const { bundle } = await readPipelineFile(file, config, context);
    const client = await openClient(context, options);
    const pipeline = await client.createPipeline({
      body: { bundle },
      signal: context.interrupt.signal,
    });
    if (options.json) {
      context.output.json(pipeline);
      return exitCodes.success;
    }
    const { name, version, changed } = pipeline;
    context.output.line(
      changed
        ? `Created version ${version} of the pipeline "${name}"`
        : `Nothing changed: the pipeline "${name}" has these files already (version ${version})`,
    );
    context.output.note(`Launch it with: rivet pipeline launch ${shellWord(name)} --follow`);
    return exitCodes.success;
  },
});

/** A name as it can be pasted into a shell. */
function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
