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
  /** Required inputs without a value, where that is allowed. */
  readonly missing: readonly string[];
}

interface JobOptions {
  readonly input: readonly string[];
  readonly inputFile: string | undefined;
  readonly noInput: boolean;
  readonly stage: string | undefined;
  /** Whether inputs may be missing where nobody can be asked; false when absent. */
  readonly allowMissing?: boolean;
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
  const { allowMissing = false } = options;
  const checker = (): Promise<InputChecker> => session.checker(bundle, definition);
  const given = {
    pairs: options.input,
    file: options.inputFile,
    ask: !options.noInput,
    allowMissing,
  };
  const values = await collectInputs(definition, given, context, checker);
  const check = await (await checker()).check(values);
  const job = { bundle, definition, onlyStage: options.stage };
  if (check.ok) return { ...job, inputs: check.values, missing: [] };
  const onlyMissing = check.missing.length === check.issues.length;
  if (!allowMissing || !onlyMissing) throw inputsInvalid(check);
  return { ...job, inputs: { ...defaultsOf(definition), ...values }, missing: check.missing };
}

function defaultsOf({ inputs }: PipelineDefinition): InputValues {
  const known = inputs.flatMap(({ name, default: value }) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(known);
}
