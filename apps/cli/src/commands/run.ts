// `rivet run`: runs a pipeline on this machine, with the engine that the runners use.
import { resolve } from 'node:path';
import { RivetError } from '@rivet/base';
import { givenSecrets } from '@rivet/engine';
import { type CommandContext, defineCommand, flag, repeated, required, text } from '../command.ts';
import { loadConfig } from '../config.ts';
import { createEngineSession } from '../engine-session.ts';
import { exitCodes } from '../exit-codes.ts';
import { collectSecrets } from '../given-secrets.ts';
import { runLocally, type WorkspaceSource } from '../local-run.ts';
import { makePlan } from '../plan.ts';
import { planLines } from '../plan-text.ts';
import { prepareJob } from '../prepare-job.ts';
import { readPipelineFile } from '../read-pipeline-file.ts';

export const run = defineCommand({
  details: [
    'The engine, the containers and the output are those of a runner. /workspace starts as a copy of the current',
    'directory: in a git work tree the files that are tracked, or untracked but not ignored (without .git), elsewhere',
    'all files. Your files are not touched, unless --bind says so. Ctrl-C cancels the job and cleans up; a second',
    'one forces. A killed run leaves containers that the next one removes.',
  ].join('\n'),
  examples: [
    { command: 'rivet run pipeline.lua', what: 'All stages; asks for inputs that are missing' },
    {
      command: 'rivet run pipeline.lua --input branch=main --stage test',
      what: 'One stage and what it needs',
    },
    {
      command: 'rivet run pipeline.lua --secret NPM_TOKEN --secret SSH_KEY=@id_ed25519',
      what: 'With secrets from a variable and a file',
    },
    {
      command: 'rivet run pipeline.lua --dry-run',
      what: 'What would run, in which order; starts nothing',
    },
    {
      command: 'rivet run pipeline.lua --bind .',
      what: 'In the directory itself, so that results stay',
    },
    {
      command: 'rivet run pipeline.lua --image localhost/rivet/base:latest',
      what: 'With another default image, for example without a registry',
    },
  ],
  json: [
    'one object a line, as things happen: `{type: "line", n, t, stage, level, stream, group?, text}`,',
    '`{type: "stage", stage, state, t, run, reason?, code?, unchecked_exits?}`, `{type: "remark", text}`, and at the end',
    '`{type: "end", state, reason?, message?, code?, outputs, summary, duration_ms}`. With `--dry-run` one object:',
    'what `rivet plan --json` prints.',
  ].join(' '),
  arguments: { file: required('The pipeline file') },
  options: {
    input: repeated('NAME=VALUE', 'Value of an input'),
    inputFile: text('FILE', 'JSON object with input values; - reads standard input'),
    noInput: flag('Never ask'),
    secret: repeated(
      'NAME[=@FILE]',
      'A secret that the pipeline declares: the variable NAME, or the content of FILE',
    ),
    secretsFile: text(
      'FILE',
      'JSON object with secrets, of mode 0600; ~/.rivet/secrets.json when absent',
    ),
    tree: text('DIR', 'Copy this directory to /workspace instead of the current one'),
    bind: text('DIR', 'Mount this directory at /workspace: what stages write stays there'),
    empty: flag('Start with an empty /workspace'),
    stage: text('NAME', 'Run only this stage and what it needs'),
    dryRun: flag('Show the plan and start nothing'),
    image: text('IMAGE', 'Default image; RIVET_DEFAULT_IMAGE when absent'),
    keep: flag('Keep the workspace and say where it is'),
    json: flag('Print JSON, one object a line'),
  },
  async run(context, { file }, options) {
    const source = workspaceSource(options, context);
    const session = createEngineSession(context);
    try {
      // The process that runs Lua starts while the files are read, where the job is not the first
      // to need it.
      session.lua();
      const config = await loadConfig(context.env);
      const { bundle, search } = await readPipelineFile(file, config, context);
      const job = await prepareJob({ bundle, search }, options, session, context);
      const defaultImage = options.image ?? config.defaultImage;
      if (!options.dryRun) {
        const { keep, json } = options;
        const secrets = givenSecrets(await collectSecrets(job.definition, options, context));
        return await runLocally({ ...job, source, secrets }, { defaultImage, keep, json }, config, {
          ...context,
          lua: session.lua(),
        });
      }
      const forecasts = await session.forecast(job, context.interrupt.signal);
      const plan = makePlan({ ...job, defaultImage, forecasts });
      if (options.json) context.output.json(plan);
      else for (const line of planLines(plan, context.output.style)) context.output.line(line);
      return exitCodes.success;
    } finally {
      await session.close();
    }
  },
});

function workspaceSource(
  options: { tree: string | undefined; bind: string | undefined; empty: boolean },
  { cwd }: CommandContext,
): WorkspaceSource {
  const { tree, bind, empty } = options;
  const chosen = [tree !== undefined, bind !== undefined, empty].filter(Boolean).length;
  if (chosen > 1) {
    throw RivetError.of('RIVET_USAGE', {
      problem: '--tree, --bind and --empty cannot be used together',
      hint: 'Choose one: each says how /workspace begins.',
    });
  }
  if (empty) return { kind: 'empty' };
  if (bind !== undefined) return { kind: 'bind', directory: resolve(cwd, bind) };
  return { kind: 'tree', directory: resolve(cwd, tree ?? '.') };
}
