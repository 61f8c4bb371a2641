// How mistakes in input values are said, and the errors that carry them.
import { nearest, RivetError } from '@rivet/base';
import type { DefinitionIssue, PipelineDefinition } from '@rivet/protocol';
import { fieldPath } from '../definition/issue-list.ts';
import { showText } from '../definition/show-value.ts';

/** An issue of the input `name`; `problem` ends the sentence `the input "name" …`. */
export function inputIssue(
  name: string,
  problem: string,
  rest: Pick<DefinitionIssue, 'found' | 'expected' | 'nearest'> = {},
  path = inputPath(name),
): DefinitionIssue {
  const item = /\[(\d+)\]$/.exec(path)?.[1];
  const which = item === undefined ? '' : `item ${item} of `;
  return { path, message: `${which}the input ${showText(name)} ${problem}`, ...rest };
}

/** `inputs.<name>`. */
export function inputPath(name: string): string {
  return fieldPath('inputs', name);
}

/** The issue of a value whose name the pipeline does not have. */
export function unknownInput(definition: PipelineDefinition, name: string): DefinitionIssue {
  const known = definition.inputs.map((input) => input.name);
  const near = nearest(name, known);
  return {
    path: inputPath(name),
    message: `the pipeline ${showText(definition.name)} has no input ${showText(name)}`,
    expected: known.length === 0 ? 'no inputs: it takes none' : `one of ${known.join(', ')}`,
    ...(near === undefined ? {} : { nearest: near }),
  };
}

/**
 * RIVET_INPUT_MISSING when nothing but values is missing, else RIVET_INPUT_INVALID;
 * `details.issues` has all.
 */
export function inputsInvalid(check: {
  readonly issues: readonly DefinitionIssue[];
  readonly missing: readonly string[];
}): RivetError {
  const issues = [...check.issues];
  if (check.missing.length > 0 && check.missing.length === issues.length) {
    return RivetError.of('RIVET_INPUT_MISSING', { names: check.missing.join(', '), issues });
  }
  return RivetError.of('RIVET_INPUT_INVALID', { summary: summarise(issues), issues });
}

/**
 * RIVET_PIPELINE_INVALID with the issues in `details.issues`; the message has how many and the
 * first.
 */
export function pipelineInvalid(issues: readonly DefinitionIssue[]): RivetError {
  return RivetError.of('RIVET_PIPELINE_INVALID', {
    summary: summarise(issues),
    issues: [...issues],
  });
}

function summarise(issues: readonly DefinitionIssue[]): string {
  const [first] = issues;
  if (first === undefined) return 'no mistake is known';
  const { file, line, path } = first;
  const place = file === undefined ? '' : line === undefined ? `${file}: ` : `${file}:${line}: `;
  const where = path === '' || path.startsWith('inputs') ? '' : `${path}: `;
  const near = first.nearest === undefined ? '' : `; did you mean "${first.nearest}"?`;
  const text = `${place}${where}${first.message}${near}`;
  return issues.length === 1 ? text : `${issues.length} mistakes, the first: ${text}`;
}
