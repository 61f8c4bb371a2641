// `rivet secret versions`: the versions of a secret that are kept.
import { defineCommand, required } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { printPage } from '../../pages.ts';
import { scopeQuery, secretPipelineOption } from '../../secret-text.ts';
import { openClient, serverOptions } from '../../server.ts';

export const secretVersions = defineCommand({
  details: 'The ten newest are kept.',
  examples: [{ command: 'rivet secret versions NPM_TOKEN', what: 'Newest first, without values' }],
  json: '`{items: [{version, current, restored_from, created_by, created_at}], next_cursor}`',
  arguments: { name: required('Name of the secret') },
  options: { ...serverOptions, ...secretPipelineOption },
  async run(context, { name }, options) {
    const client = await openClient(context, options);
    const query = scopeQuery(options.pipeline);
    const { signal } = context.interrupt;
    const page = await client.listSecretVersions({ name, query, signal });
    printPage(context.output, page, {
      json: options.json,
      heading: ['VERSION', '', 'CREATED', 'BY'],
      row: ({ version, current, restored_from, created_at, created_by }) => [
        String(version),
        [current ? 'current' : '', restored_from === null ? '' : `value of ${restored_from}`]
          .filter((word) => word !== '')
          .join(', '),
        created_at,
        created_by,
      ],
      empty: 'Its provider has the value: Rivet keeps no versions of it.',
    });
    return exitCodes.success;
  },
});
