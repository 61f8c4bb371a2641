// `rivet secret rm`: deletes a secret with all its versions and grants.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { scopeQuery, secretPipelineOption } from '../../secret-text.ts';
import { openClient, serverOptions } from '../../server.ts';

export const secretRm = defineCommand({
  details:
    'Jobs that run keep what they have; whoever asks from now on gets nothing. It cannot be undone.',
  examples: [
    { command: 'rivet secret rm NPM_TOKEN', what: 'The one of the installation' },
    { command: 'rivet secret rm DEPLOY_KEY --pipeline release', what: 'The one of a pipeline' },
  ],
  json: '`{deleted}`, the name that was given',
  arguments: { name: required('Name of the secret') },
  options: { ...serverOptions, ...secretPipelineOption },
  async run(context, { name }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const query = scopeQuery(options.pipeline);
    await client.deleteSecret({ name, query, signal: interrupt.signal });
    if (options.json) output.json({ deleted: name });
    else output.line(`Deleted the secret ${name} with its versions and grants`);
    return exitCodes.success;
  },
});
