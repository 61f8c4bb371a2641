// `rivet job list`: jobs of the server, newest first.
import { jobStates } from '@rivet/protocol';
import { choice, defineCommand, integer, text } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { jobDuration } from '../../job-text.ts';
import { table } from '../../output.ts';
import { readPages } from '../../pages.ts';
import { openClient, serverOptions } from '../../server.ts';

export const jobList = defineCommand({
  examples: [
    { command: 'rivet job list', what: 'The latest jobs' },
    {
      command: 'rivet job list --state failed --pipeline build',
      what: 'What failed of one pipeline',
    },
    { command: 'rivet job list --limit 1 --json', what: 'For scripts: the latest job' },
  ],
  json: '`{items: [job], next_cursor}`, a job as in `rivet pipeline launch --json`',
  options: {
    ...serverOptions,
    state: choice('STATE', 'Only jobs in this state', jobStates),
    pipeline: text('REF', 'Only jobs of this pipeline'),
    limit: integer('N', 'At most so many; 20 when absent', 1, 100_000),
  },
  async run(context, _args, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const { state, pipeline } = options;
    const filter = {
      ...(state === undefined ? {} : { state }),
      ...(pipeline === undefined ? {} : { pipeline }),
    };
    const page = await readPages(options.limit ?? 20, (query) =>
      client.listJobs({ query: { ...query, ...filter }, signal: interrupt.signal }),
    );
    if (options.json) {
      output.json(page);
    } else if (page.items.length === 0) {
      output.note('No job fits. Launch one with: rivet pipeline launch NAME');
    } else {
      const rows = page.items.map((job) => [
        job.id,
        job.pipeline,
        job.reason === null ? job.state : `${job.state} (${job.reason})`,
        jobDuration(job, Date.now()),
        job.created_at,
      ]);
      output.line(table(['ID', 'PIPELINE', 'STATE', 'DURATION', 'CREATED'], rows));
      if (page.next_cursor !== null) output.note('There are more: raise --limit.');
    }
    return exitCodes.success;
  },
});
