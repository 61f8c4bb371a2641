// What `rivet run` and `rivet plan` begin with: the pipeline is checked, its inputs are there.
import { type InputChecker, inputsInvalid, pipelineInvalid } from '@rivet/pipeline';
import type { InputValues, PipelineBundle, PipelineDefinition } from '@rivet/protocol';
import type { CommandContext } from './command.ts';
import type { EngineSession } from './engine-session.ts';
import { collectInputs } from './launch-inputs.ts';
import { refuseUnknownStage } from './plan.ts';
import type { PipelineFile } from './read-pipeline-file.ts';

/** A job that could be started; inputs are checked, defaults filled in. */
export interface PreparedJob {
  readonly bundle: PipelineBundle;
  readonly definition: PipelineDefinition;
  readonly inputs: InputValues;
  readonly onlyStage: string | undefined;
}

interface JobOptions {
  readonly input: readonly string[];
  readonly inputFile: string | undefined;
  readonly noInput: boolean;
  readonly stage: string | undefined;
}

/**
 * Everything that can be wrong without starting anything is found here.
 * @throws RIVET_PIPELINE_INVALID, RIVET_JOB_STAGE_UNKNOWN, and like `collectInputs`
 */
export async function prepareJob(
  { bundle, search }: PipelineFile,
  options: JobOptions,
  session: EngineSession,
  context: CommandContext,
): Promise<PreparedJob> {
  const checked = await session.check(bundle, search);
  if (!checked.ok) throw pipelineInvalid(checked.issues);
  const { definition } = checked;
  refuseUnknownStage(definition, options.stage);
  const checker = (): InputChecker => session.checker(bundle, definition);
  const given = { pairs: options.input, file: options.inputFile, ask: !options.noInput };
  const values = await collectInputs(definition, given, context, checker);
  const check = await checker().check(values);
  if (!check.ok) throw inputsInvalid(check);
  return { bundle, definition, inputs: check.values, onlyStage: options.stage };
}
