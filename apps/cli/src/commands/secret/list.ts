// `rivet secret list`: the secrets that one may see, without their values.
import { defineCommand, integer, text } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { printPage, readPages } from '../../pages.ts';
import { grantText, secretPlace } from '../../secret-text.ts';
import { openClient, serverOptions } from '../../server.ts';

export const secretList = defineCommand({
  examples: [
    { command: 'rivet secret list', what: 'All that you may see: those of the installation first' },
    { command: 'rivet secret list --pipeline release', what: 'Those of one pipeline alone' },
    { command: 'rivet secret list --search npm', what: 'Those whose name contains "npm"' },
  ],
  json: '`{items: [{name, pipeline, provider, reference, version, created_by, created_at, updated_by, updated_at, used_at, grants}], next_cursor}`, never a value',
  options: {
    ...serverOptions,
    pipeline: text('NAME', 'Only those of this pipeline'),
    search: text('TEXT', 'Only names that contain this text'),
    limit: integer('N', 'At most so many; 100 when absent', 1, 100_000),
  },
  async run(context, _args, options) {
    const { pipeline, search } = options;
    const client = await openClient(context, options);
    const page = await readPages(options.limit ?? 100, (query) =>
      client.listSecrets({
        query: {
          ...query,
          ...(pipeline === undefined ? {} : { pipeline }),
          ...(search === undefined ? {} : { search }),
        },
        signal: context.interrupt.signal,
      }),
    );
    printPage(context.output, page, {
      json: options.json,
      heading: ['NAME', 'PIPELINE', 'VALUE', 'GRANTED TO', 'UPDATED', 'LAST USED'],
      row: (secret) => [
        secret.name,
        secret.pipeline ?? '',
        secretPlace(secret),
        secret.grants.map(grantText).join(', ') || 'nobody',
        secret.updated_at,
        secret.used_at ?? 'never',
      ],
      empty: 'There is none that you may see. Make one: rivet secret set NAME',
    });
    return exitCodes.success;
  },
});
