// `rivet check`: every mistake of a pipeline file at once.
import { resolve } from 'node:path';
import { readBundle, renderIssues } from '@rivet/pipeline';
import { defineCommand, flag, required } from '../command.ts';
import { createEngineSession } from '../engine-session.ts';
import { exitCodes } from '../exit-codes.ts';

export const check = defineCommand({
  details:
    'Nothing is run: the file is evaluated, its stages are not. Exit code 2 when it is not valid.',
  examples: [
    { command: 'rivet check pipeline.lua', what: 'Before you commit' },
    { command: 'rivet check pipeline.lua --json', what: 'For editors and scripts' },
  ],
  json: '`{valid, issues: [{path, message, found?, expected?, nearest?, file?, line?, column?, source_line?}]}`',
  arguments: { file: required('The pipeline file') },
  options: { json: flag('Print JSON') },
  async run(context, { file }, options) {
    const { output } = context;
    const bundle = await readBundle(resolve(context.cwd, file));
    const session = createEngineSession();
    const checked = await session.check(bundle).finally(session.close);
    const issues = checked.ok ? [] : checked.issues;
    if (options.json) {
      output.json({ valid: checked.ok, issues });
    } else if (checked.ok) {
      const { name, stages, inputs } = checked.definition;
      const counts = `${counted(stages.length, 'stage')}, ${counted(inputs.length, 'input')}`;
      output.line(`${output.style.green('valid')}: the pipeline "${name}" (${counts})`);
    } else {
      const { red, dim, bold } = output.style;
      output.line(renderIssues(issues, { error: red, dim, bold }));
      output.line(red(`${file} has ${counted(issues.length, 'mistake')}`));
    }
    return checked.ok ? exitCodes.success : exitCodes.usage;
  },
});

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
