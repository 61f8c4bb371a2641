// `rivet pipeline launch`: checks and asks for inputs, queues a job, and follows it when wanted.
import { defineCommand, flag, integer, repeated, required, text } from '../../command.ts';
import { createEngineSession } from '../../engine-session.ts';
import { exitCodes } from '../../exit-codes.ts';
import { followJob } from '../../follow.ts';
import { jobExitCode } from '../../job-text.ts';
import { collectInputs } from '../../launch-inputs.ts';
import { createProgress } from '../../progress/create-progress.ts';
import { openClient, serverOptions } from '../../server.ts';

export const pipelineLaunch = defineCommand({
  details: [
    'Required inputs without a value are asked for at a terminal. Without one, or with --no-input, the command fails',
    'with the list of what is missing. Ctrl-C while following leaves the job running and says how to cancel it.',
  ].join('\n'),
  examples: [
    {
      command: 'rivet pipeline launch build --follow',
      what: 'Launch it and show its log until it ends',
    },
    {
      command: 'rivet pipeline launch deploy --input env=staging --input version=1.2',
      what: 'Give inputs; what is not given has its default or is asked for',
    },
    {
      command: 'rivet pipeline launch build --input-file inputs.json --no-input --json',
      what: 'From a script: inputs from a JSON object, never a question',
    },
    {
      command: 'rivet pipeline launch build --idempotency-key "$COMMIT"',
      what: 'Launching again with the same key gives the same job',
    },
  ],
  json: 'the job: `{id, pipeline, version, state, reason, message, attempt, runner, launched_by, priority, cancel_requested, created_at, started_at, finished_at}`; with `--follow` one object a line as in `rivet run --json`, the first `{type: "job", …}`',
  arguments: { ref: required('Name of the pipeline, its id, or a unique beginning of the id') },
  options: {
    ...serverOptions,
    input: repeated('NAME=VALUE', 'Value of an input'),
    inputFile: text('FILE', 'JSON object with input values; - reads standard input'),
    follow: flag('Show the log until the job ends; exit 1 when it failed'),
    noInput: flag('Never ask'),
    idempotencyKey: text('KEY', 'The same key gives the same job'),
    priority: integer('N', 'Higher goes first; 0 when absent', 0, 1000),
  },
  async run(context, { ref }, options) {
    const { output, interrupt } = context;
    const { signal } = interrupt;
    const client = await openClient(context, options);
    const pipeline = await client.getPipeline({ ref, signal });
    const session = createEngineSession(context);
    const inputs = await collectInputs(
      pipeline.definition,
      { pairs: options.input, file: options.inputFile, ask: !options.noInput },
      context,
      () => session.checker(pipeline.bundle, pipeline.definition),
    ).finally(session.close);
    const { idempotencyKey, priority } = options;
    const job = await client.launchPipeline({
      ref: pipeline.id,
      body: {
        inputs,
        ...(priority === undefined ? {} : { priority }),
      },
      signal,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    });
    if (!options.follow) {
      if (options.json) output.json(job);
      else output.line(`Launched job ${job.id} of "${job.pipeline}", version ${job.version}`);
      if (!options.json) output.note(`Follow it with: rivet job logs ${job.id} --follow`);
      return exitCodes.success;
    }
    if (options.json) output.json({ type: 'job', ...job }, { line: true });
    else output.line(`Job ${job.id} of "${job.pipeline}", version ${job.version}`);
    const stages = pipeline.definition.stages.map((stage) => stage.name);
    const progress = createProgress(output, stages, { json: options.json });
    try {
      const end = await followJob({
        client,
        id: job.id,
        progress,
        signal: AbortSignal.any([signal, output.closed]),
      });
      return jobExitCode(end.state);
    } catch (error) {
      progress.stop();
      if (output.closed.aborted) return exitCodes.success;
      if (signal.aborted)
        output.note(`The job goes on. Cancel it with: rivet job cancel ${job.id}`);
      throw error;
    } finally {
      progress.stop();
    }
  },
});
