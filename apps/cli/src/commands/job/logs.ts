// `rivet job logs`: the log of a job, all of it or as it grows.

import { RivetError } from '@rivet/base';
import { type Client, logLevels } from '@rivet/protocol';
import {
  type CommandContext,
  choice,
  defineCommand,
  flag,
  integer,
  required,
  text,
} from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { followJob } from '../../follow.ts';
import { jobExitCode } from '../../job-text.ts';
import { createProgress } from '../../progress/create-progress.ts';
import { createLineFormat } from '../../progress/format.ts';
import { openClient, serverOptions } from '../../server.ts';

/** The most that the API gives at once. */
const PAGE_LINES = 10_000;

export const jobLogs = defineCommand({
  examples: [
    { command: 'rivet job logs 0195', what: 'All lines so far' },
    { command: 'rivet job logs 0195 --follow', what: 'Until the job ends; exit 1 when it failed' },
    { command: 'rivet job logs 0195 --stage test --level warning', what: 'Only what matters' },
    { command: 'rivet job logs 0195 --raw > job.log', what: 'As it was printed, colours and all' },
  ],
  json: 'one log line a line: `{n, t, stage, level, stream, group?, text}`; with `--follow` as in `rivet run --json`',
  arguments: {
    id: required('Id of the job, or a unique beginning of it (four characters or more)'),
  },
  options: {
    ...serverOptions,
    follow: flag('Go on until the job ends'),
    stage: text('NAME', 'Only lines of this stage'),
    level: choice('LEVEL', 'Only this level and above', logLevels),
    attempt: integer('N', 'Of this attempt; the current one when absent', 1, 1_000_000),
    raw: flag('The whole text of the current attempt, unchanged; not to a terminal'),
  },
  async run(context, { id }, options) {
    const { output } = context;
    const filtered =
      options.stage !== undefined || options.level !== undefined || options.attempt !== undefined;
    refuseTogether(options.follow && filtered, '--follow', '--stage, --level or --attempt');
    refuseTogether(options.raw && (filtered || options.follow || options.json), '--raw', 'others');
    if (options.raw && output.terminal) {
      throw RivetError.of('RIVET_USAGE', {
        problem: '--raw prints whatever the job printed, which a terminal might obey',
        hint: 'Redirect it into a file or a pipe: rivet job logs ID --raw > job.log',
      });
    }
    const client = await openClient(context, options);
    if (options.follow) return await follow(client, id, context, options.json);
    if (options.raw) await printRaw(client, id, context);
    else await printPages(client, id, context, options);
    return exitCodes.success;
  },
});

async function follow(
  client: Client,
  id: string,
  context: CommandContext,
  json: boolean,
): Promise<number> {
  const { output, interrupt } = context;
  const job = await client.getJob({ id, signal: interrupt.signal });
  const names = job.stages.map((stage) => stage.name);
  const progress = createProgress(output, names, { json });
  const signal = AbortSignal.any([interrupt.signal, output.closed]);
  try {
    const end = await followJob({ client, id: job.id, progress, signal });
    return jobExitCode(end.state);
  } catch (error) {
    if (output.closed.aborted) return exitCodes.success;
    throw error;
  } finally {
    progress.stop();
  }
}

async function printRaw(client: Client, id: string, { output, interrupt }: CommandContext) {
  for await (const chunk of client.getRawJobLogs({ id, signal: interrupt.signal })) {
    if (output.closed.aborted) return;
    output.raw(Buffer.from(chunk));
  }
}

interface Filter {
  readonly json: boolean;
  readonly stage: string | undefined;
  readonly level: (typeof logLevels)[number] | undefined;
  readonly attempt: number | undefined;
}

async function printPages(
  client: Client,
  id: string,
  { output, interrupt }: CommandContext,
  { json, stage, level, attempt }: Filter,
): Promise<void> {
  const { stages } = await client.getJob({ id, signal: interrupt.signal });
  const names = stages.map((known) => known.name);
  const format = createLineFormat(names, output.style);
  let after = 0;
  let shown = 0;
  for (;;) {
    const page = await client.getJobLogs({
      id,
      query: {
        after,
        limit: PAGE_LINES,
        ...(stage === undefined ? {} : { stage }),
        ...(level === undefined ? {} : { level }),
        ...(attempt === undefined ? {} : { attempt }),
      },
      signal: interrupt.signal,
    });
    for (const line of page.lines) {
      if (json) output.json(line, { line: true });
      else for (const text of format.line(line)) output.line(text);
    }
    shown += page.lines.length;
    // `last` moves also where the filter left every line of a page out.
    if (output.closed.aborted || page.last <= after) break;
    after = page.last;
  }
  if (shown > 0 || json) return;
  if (stage !== undefined && !names.includes(stage)) {
    throw RivetError.of('RIVET_USAGE', {
      problem: `the job has no stage ${JSON.stringify(stage)}; it has ${names.join(', ')}`,
      hint: 'Name one of its stages.',
    });
  }
  output.note('There are no such lines (yet). Follow the log with --follow.');
}

function refuseTogether(wrong: boolean, one: string, other: string): void {
  if (!wrong) return;
  throw RivetError.of('RIVET_USAGE', {
    problem: `${one} cannot be used together with ${other}`,
    hint: 'Leave one of them away.',
  });
}
