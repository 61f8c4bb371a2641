// `rivet check`: every mistake of a pipeline file at once, and what is probably not meant.
import { renderIssues, renderWarnings } from '@rivet/pipeline';
import { defineCommand, flag, required } from '../command.ts';
import { loadConfig } from '../config.ts';
import { createEngineSession } from '../engine-session.ts';
import { exitCodes } from '../exit-codes.ts';
import { readPipelineFile } from '../read-pipeline-file.ts';

export const check = defineCommand({
  details:
    'Nothing is run: the file is evaluated, its stages are not. Exit code 2 when it is not valid; ' +
    'warnings count as mistakes with --strict. docs/lint.md explains each rule; a comment ' +
    '"-- rivet: ignore RULE" silences one for its line.',
  examples: [
    { command: 'rivet check pipeline.lua', what: 'Before you commit' },
    {
      command: 'rivet check pipeline.lua --strict',
      what: 'In a pipeline of its own: no warning passes',
    },
    { command: 'rivet check pipeline.lua --json', what: 'For editors and scripts' },
  ],
  json: '`{valid, issues: [{path, message, found?, expected?, nearest?, file?, line?, column?, source_line?}], warnings: [{rule, message, hint, nearest?, file, line, column?, source_line}]}`; `valid` says nothing of warnings',
  arguments: { file: required('The pipeline file') },
  options: { strict: flag('Fail on warnings too'), json: flag('Print JSON') },
  async run(context, { file }, options) {
    const { output } = context;
    const config = await loadConfig(context.env);
    const pipeline = await readPipelineFile(file, config, context);
    const session = createEngineSession(context);
    const { checked, warnings } = await session
      .checkAndLint(pipeline.bundle, pipeline.search)
      // Its process is told to end; nothing here depends on when it has.
      .finally(() => void session.close());
    const issues = checked.ok ? [] : checked.issues;
    if (options.json) {
      output.json({ valid: checked.ok, issues, warnings });
    } else {
      const { red, yellow, green, dim, bold } = output.style;
      if (warnings.length > 0) {
        output.line(`${renderWarnings(warnings, { error: yellow, dim, bold })}\n`);
      }
      const also = warnings.length === 0 ? '' : `, ${yellow(counted(warnings.length, 'warning'))}`;
      if (checked.ok) {
        const { name, stages, inputs } = checked.definition;
        const counts = `${counted(stages.length, 'stage')}, ${counted(inputs.length, 'input')}`;
        output.line(`${green('valid')}: the pipeline "${name}" (${counts})${also}`);
      } else {
        output.line(`${renderIssues(issues, { error: red, dim, bold })}\n`);
        output.line(`${red(`${file} has ${counted(issues.length, 'mistake')}`)}${also}`);
      }
    }
    const passes = checked.ok && !(options.strict && warnings.length > 0);
    return passes ? exitCodes.success : exitCodes.usage;
  },
});

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
