// `rivet pipeline list`: the pipelines of the server by name.
import { defineCommand, integer, text } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { table } from '../../output.ts';
import { readPages } from '../../pages.ts';
import { openClient, serverOptions } from '../../server.ts';

export const pipelineList = defineCommand({
  examples: [
    { command: 'rivet pipeline list', what: 'All pipelines by name' },
    { command: 'rivet pipeline list --search build', what: 'Those whose name contains "build"' },
  ],
  json: '`{items: [{id, name, description, version, created_at, updated_at}], next_cursor}`; `next_cursor` is null when nothing was left out',
  options: {
    ...serverOptions,
    search: text('TEXT', 'Only names that contain this text'),
    limit: integer('N', 'At most so many; 100 when absent', 1, 100_000),
  },
  async run(context, _args, options) {
    const client = await openClient(context, options);
    const { search } = options;
    const page = await readPages(options.limit ?? 100, (query) =>
      client.listPipelines({
        query: { ...query, ...(search === undefined ? {} : { search }) },
        signal: context.interrupt.signal,
      }),
    );
    if (options.json) {
      context.output.json(page);
      return exitCodes.success;
    }
    if (page.items.length === 0) {
      context.output.note(
        search === undefined
          ? 'There are no pipelines yet. Create one with: rivet pipeline create pipeline.lua'
          : `No pipeline has ${JSON.stringify(search)} in its name.`,
      );
      return exitCodes.success;
    }
    const rows = page.items.map((item) => [
      item.name,
      String(item.version),
      item.updated_at,
      item.description.split('\n', 1)[0] ?? '',
    ]);
    context.output.line(table(['NAME', 'VERSION', 'UPDATED', 'DESCRIPTION'], rows));
    if (page.next_cursor !== null) context.output.note('There are more: raise --limit.');
    return exitCodes.success;
  },
});
