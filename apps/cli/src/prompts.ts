// Asks for inputs at a terminal: the kind of question follows the input's type; a bad answer is
// asked again.
import * as clack from '@clack/prompts';
import { RivetError } from '@rivet/base';
import { inputFromText } from '@rivet/pipeline';
import type { DefinitionIssue, InputDefinition, InputValue } from '@rivet/protocol';
import { inertLine } from './inert.ts';

type Scalar = string | number | boolean;
type Answer = { value: InputValue } | { issue: DefinitionIssue };

/**
 * Asks until the answer is a valid value. Questions go to standard error, so that a piped result
 * stays clean.
 * @param check the first mistake in a value, or undefined
 * @throws RIVET_INTERRUPTED on Ctrl-C or when `signal` aborts
 */
export async function askInput(
  input: InputDefinition,
  signal: AbortSignal,
  check: (value: InputValue) => Promise<DefinitionIssue | undefined>,
): Promise<InputValue> {
  for (;;) {
    const answer = await ask(input, signal);
    const issue = 'issue' in answer ? answer.issue : await check(answer.value);
    if (issue === undefined && 'value' in answer) return answer.value;
    const hint = issue?.expected === undefined ? '' : ` (expected ${issue.expected})`;
    clack.log.error(plain(`${issue?.message ?? ''}${hint}`), { output: process.stderr });
  }
}

async function ask(input: InputDefinition, signal: AbortSignal): Promise<Answer> {
  const common = { message: question(input), signal, output: process.stderr };
  const isList = input.type === 'list';
  const options = isList ? input.items?.options : input.options;
  if (options !== undefined && options.length > 0) {
    const choices = options.map((value: Scalar) => ({ value, label: plain(String(value)) }));
    if (!isList) return { value: answered(await clack.select({ ...common, options: choices })) };
    const required = (input.min_items ?? 0) > 0;
    return { value: answered(await clack.multiselect({ ...common, options: choices, required })) };
  }
  if (input.type === 'bool') {
    return { value: answered(await clack.confirm({ ...common, initialValue: false })) };
  }
  const typed = input.secret ? await clack.password(common) : await clack.text(common);
  // Enter on an empty line gives undefined.
  const text: string | undefined = answered(typed);
  const result = inputFromText(input, text ?? '');
  return result.ok ? { value: result.value } : { issue: result.issue };
}

/** `branch: which branch to build (text)`. */
function question(input: InputDefinition): string {
  const description = input.description === undefined ? '' : `: ${input.description}`;
  const kinds = { string: '', number: ' (a number)', bool: '', list: ' (items with commas)' };
  const picks = input.type === 'list' && input.items?.options !== undefined;
  const kind = picks || input.options !== undefined ? '' : kinds[input.type];
  return plain(`${input.name}${description}${kind}`);
}

function answered<T>(value: T | typeof clack.CANCEL_SYMBOL): T {
  if (clack.isCancel(value)) throw RivetError.of('RIVET_INTERRUPTED', { by: 'Ctrl-C' });
  return value as T;
}

/** Names and descriptions come from a pipeline: nothing in them moves the cursor. */
function plain(text: string): string {
  return inertLine(text.replaceAll(/\s*\n\s*/g, ' '), { color: false });
}
