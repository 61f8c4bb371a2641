// `rivet secret grant`: lets pipelines have a secret.
import type { LaunchEvent } from '@rivet/protocol';
import { defineCommand, repeated, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { grantText, scopeQuery, secretPipelineOption, secretTitle } from '../../secret-text.ts';
import { openClient, serverOptions } from '../../server.ts';

export const secretGrant = defineCommand({
  details: [
    'Whoever may edit such a pipeline can then do with the secret what they like. A job gets it when its pipeline also',
    'declares it (secrets = { … }), and when it was launched by one of the events: `manual` is a person who is signed in,',
    '`api` a program with an API key. Granting the same pattern again gives it the new events.',
  ].join('\n'),
  examples: [
    { command: 'rivet secret grant NPM_TOKEN release', what: 'To one pipeline' },
    { command: "rivet secret grant NPM_TOKEN 'web-*'", what: 'To all whose names begin so' },
    {
      command: 'rivet secret grant DEPLOY_KEY release --event manual',
      what: 'Only for jobs that a person has launched',
    },
  ],
  json: '`{name, pipeline, provider, reference, version, created_by, created_at, updated_by, updated_at, used_at, grants: [{pipelines, events, created_by, created_at}]}`',
  arguments: {
    name: required('Name of the secret'),
    pipelines: required('Name of a pipeline; * stands for any text'),
  },
  options: {
    ...serverOptions,
    ...secretPipelineOption,
    event: repeated('EVENT', 'Only for jobs launched by manual or api; both when absent'),
  },
  async run(context, { name, pipelines }, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    // The server knows the events; an unknown one is refused with those that there are.
    const events = [...options.event] as LaunchEvent[];
    const secret = await client.grantSecret({
      name,
      query: scopeQuery(options.pipeline),
      body: { pipelines, ...(events.length === 0 ? {} : { events }) },
      signal: interrupt.signal,
    });
    if (options.json) output.json(secret);
    else {
      output.line(
        `${secretTitle(secret)} is granted to ${secret.grants.map(grantText).join(', ')}`,
      );
    }
    return exitCodes.success;
  },
});
