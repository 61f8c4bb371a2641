// `rivet secret rollback`: makes the value of an earlier version the current one.
import { RivetError } from '@rivet/base';
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { scopeQuery, secretPipelineOption, secretTitle } from '../../secret-text.ts';
import { openClient, serverOptions } from '../../server.ts';

export const secretRollback = defineCommand({
  details: 'It becomes a new version; none is lost. A value that a provider has is in Rivet then.',
  examples: [{ command: 'rivet secret rollback NPM_TOKEN 3', what: 'Back to what version 3 was' }],
  json: '`{name, pipeline, provider, reference, version, created_by, created_at, updated_by, updated_at, used_at, grants: [{pipelines, events, created_by, created_at}]}`',
  arguments: {
    name: required('Name of the secret'),
    version: required('Number of the version; `rivet secret versions` lists them'),
  },
  options: { ...serverOptions, ...secretPipelineOption },
  async run(context, { name, version }, options) {
    const { output, interrupt } = context;
    if (!/^[1-9]\d{0,8}$/.test(version)) {
      throw RivetError.of('RIVET_USAGE', {
        problem: `${JSON.stringify(version)} is no number of a version`,
        hint: `See them with: rivet secret versions ${name}`,
      });
    }
    const client = await openClient(context, options);
    const secret = await client.rollbackSecret({
      name,
      query: scopeQuery(options.pipeline),
      body: { version: Number(version) },
      signal: interrupt.signal,
    });
    if (options.json) output.json(secret);
    else {
      const now = `version ${secret.version}, with the value of version ${version}`;
      output.line(`${secretTitle(secret)} is ${now}`);
    }
    return exitCodes.success;
  },
});
