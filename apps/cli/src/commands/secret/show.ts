// `rivet secret show`: everything about a secret but its value.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { grantText, scopeQuery, secretPipelineOption, secretPlace } from '../../secret-text.ts';
import { openClient, serverOptions } from '../../server.ts';

export const secretShow = defineCommand({
  details: 'The value is not among it: nobody is shown a value, only jobs get it.',
  examples: [
    {
      command: 'rivet secret show NPM_TOKEN',
      what: 'Who has set it when, and which pipelines get it',
    },
    { command: 'rivet secret show DEPLOY_KEY --pipeline release', what: 'The one of a pipeline' },
  ],
  json: '`{name, pipeline, provider, reference, version, created_by, created_at, updated_by, updated_at, used_at, grants: [{pipelines, events, created_by, created_at}]}`',
  arguments: { name: required('Name of the secret') },
  options: { ...serverOptions, ...secretPipelineOption },
  async run(context, { name }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const query = scopeQuery(options.pipeline);
    const secret = await client.getSecret({ name, query, signal: interrupt.signal });
    if (options.json) {
      output.json(secret);
      return exitCodes.success;
    }
    const rows: [string, string][] = [
      ['Name', secret.name],
      ['Pipeline', secret.pipeline ?? 'none: of the installation'],
      ['Value', secretPlace(secret)],
      ['Created', `${secret.created_at} by ${secret.created_by}`],
      ['Updated', `${secret.updated_at} by ${secret.updated_by}`],
      ['Last used', secret.used_at ?? 'never'],
      ['Granted to', secret.grants.length === 0 ? 'nobody' : ''],
    ];
    for (const [title, value] of rows) output.line(`${title.padEnd(12)}${value}`.trimEnd());
    for (const grant of secret.grants) {
      output.line(`  ${grantText(grant)}, by ${grant.created_by} on ${grant.created_at}`);
    }
    return exitCodes.success;
  },
});
