// `rivet plan`: what a run would do, without starting anything.
import { RivetError } from '@rivet/base';
import { defineCommand, flag, repeated, required, text } from '../command.ts';
import { loadConfig } from '../config.ts';
import { createEngineSession } from '../engine-session.ts';
import { exitCodes } from '../exit-codes.ts';
import { makePlan } from '../plan.ts';
import { planMermaid } from '../plan-mermaid.ts';
import { planLines } from '../plan-text.ts';
import { prepareJob } from '../prepare-job.ts';
import { readPipelineFile } from '../read-pipeline-file.ts';

export const plan = defineCommand({
  details: [
    'Shows the stages in their order, with what each needs and where it runs. The conditions are asked with the given',
    'inputs; a condition that asks for what only a run knows (an output, a file, a secret) makes its stage a "maybe".',
    'Inputs that are missing where nobody can be asked are said to be; then conditions that look at them are a "maybe".',
    'Needs no server, no Podman and no image.',
  ].join('\n'),
  examples: [
    {
      command: 'rivet plan pipeline.lua',
      what: 'With the defaults; asks for inputs that are missing',
    },
    {
      command: 'rivet plan pipeline.lua --input branch=main',
      what: 'What a release from main would do',
    },
    { command: 'rivet plan pipeline.lua --mermaid > plan.mmd', what: 'As a diagram for a README' },
  ],
  json: [
    '`{pipeline, inputs, missing, secrets, plugins, runner: [{key, value}], images, timeout_ms, stages: [{name, wave, needs, after, image,',
    'runs: "yes"|"maybe"|"no", reason, condition, timeout_ms, retry_max, readonly, always, allow_failure}]}`',
  ].join(' '),
  arguments: { file: required('The pipeline file') },
  options: {
    input: repeated('NAME=VALUE', 'Value of an input'),
    inputFile: text('FILE', 'JSON object with input values; - reads standard input'),
    noInput: flag('Never ask'),
    stage: text('NAME', 'Plan only this stage and what it needs'),
    image: text('IMAGE', 'Default image; RIVET_DEFAULT_IMAGE when absent'),
    mermaid: flag('Print a Mermaid flowchart'),
    json: flag('Print JSON'),
  },
  async run(context, { file }, options) {
    if (options.mermaid && options.json) {
      throw RivetError.of('RIVET_USAGE', {
        problem: '--mermaid and --json cannot be used together',
        hint: 'Choose one: each is a form of the whole plan.',
      });
    }
    const { output } = context;
    const session = createEngineSession(context);
    try {
      const config = await loadConfig(context.env);
      const { bundle, search } = await readPipelineFile(file, config, context);
      const job = await prepareJob(
        { bundle, search },
        { ...options, allowMissing: true },
        session,
        context,
      );
      const forecasts = await session.forecast(job, context.interrupt.signal);
      const defaultImage = options.image ?? config.defaultImage;
      const planned = makePlan({ ...job, defaultImage, forecasts });
      if (options.json) output.json(planned);
      else if (options.mermaid) output.line(planMermaid(planned));
      else for (const line of planLines(planned, output.style)) output.line(line);
      return exitCodes.success;
    } finally {
      await session.close();
    }
  },
});
