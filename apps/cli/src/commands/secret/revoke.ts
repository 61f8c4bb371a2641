// `rivet secret revoke`: takes a secret back from pipelines.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { grantText, scopeQuery, secretPipelineOption, secretTitle } from '../../secret-text.ts';
import { openClient, serverOptions } from '../../server.ts';

export const secretRevoke = defineCommand({
  details:
    'Jobs that run and have asked for it keep it: change the value where it is valid to take it from them too.',
  examples: [
    { command: "rivet secret revoke NPM_TOKEN 'web-*'", what: 'Exactly as it was granted' },
  ],
  json: '`{name, pipeline, provider, reference, version, created_by, created_at, updated_by, updated_at, used_at, grants: [{pipelines, events, created_by, created_at}]}`',
  arguments: {
    name: required('Name of the secret'),
    pipelines: required('The pattern, as it was granted'),
  },
  options: { ...serverOptions, ...secretPipelineOption },
  async run(context, { name, pipelines }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const secret = await client.revokeSecret({
      name,
      query: { ...scopeQuery(options.pipeline), pipelines },
      signal: interrupt.signal,
    });
    if (options.json) output.json(secret);
    else {
      const rest = secret.grants.map(grantText).join(', ') || 'nobody';
      output.line(`${secretTitle(secret)} is granted to ${rest} now`);
    }
    return exitCodes.success;
  },
});
