// Reads how the jobs of a pipeline wait: groups of which few run at a time, priority, longest wait.
import { type ConcurrencyRule, type InputDefinition, PRIORITY_MAX } from '@rivet/protocol';
import type { IssueList } from './issue-list.ts';
import {
  choiceReader,
  numberReader,
  optional,
  present,
  type Reader,
  readBoolean,
  readRecord,
  required,
  textReader,
} from './read-fields.ts';
import { showText } from './show-value.ts';

export const readPriority: Reader<number> = numberReader(-PRIORITY_MAX, PRIORITY_MAX, true);

const GROUP_LIMIT_MAX = 1000;
const WEIGHT_MAX = 1000;

export const readWeight: Reader<number> = numberReader(1, WEIGHT_MAX, true);

/** `"waiting"`, or a bool: all, none. */
const readSuperseded: Reader<ConcurrencyRule['cancel_superseded']> = (value, path, issues) => {
  if (typeof value === 'string') return choiceReader(['waiting'])(value, path, issues);
  const all = readBoolean(value, path, issues);
  return all === undefined ? undefined : all ? 'all' : 'none';
};

export const readConcurrency: Reader<ConcurrencyRule> = (value, path, issues) => {
  const expected = 'a table such as { group = "deploy-{target}", limit = 1 }';
  const known = ['group', 'limit', 'weight', 'cancel_superseded'];
  const record = readRecord(value, path, issues, expected, known);
  if (record === undefined) return undefined;
  const readGroup = textReader({
    expected: 'a name of letters, digits, spaces and . _ / : - and {input}',
    lengthMax: 100,
    pattern: /^[A-Za-z0-9{][A-Za-z0-9 ._/:{}-]*$/,
  });
  const what = 'the name of the group, such as "deploy-{target}"';
  const group = required(record, 'group', path, issues, what, readGroup);
  const limit =
    optional(record, 'limit', path, issues, numberReader(1, GROUP_LIMIT_MAX, true)) ?? 1;
  const superseded = optional(record, 'cancel_superseded', path, issues, readSuperseded) ?? 'none';
  const weight = optional(record, 'weight', path, issues, readWeight);
  if (group === undefined) return undefined;
  return { group, limit, cancel_superseded: superseded, ...present({ weight }) };
};

/** A group can be named after inputs, and everybody who sees a job sees its group. */
export function checkGroupInputs(
  rule: ConcurrencyRule | undefined,
  inputs: readonly InputDefinition[],
  issues: IssueList,
): void {
  const path = 'concurrency.group';
  const rest = rule?.group.replaceAll(/\{([^{}]*)\}/g, (_, name: string) => {
    const input = inputs.find((candidate) => candidate.name === name);
    if (input === undefined) {
      const names = inputs.map((candidate) => candidate.name);
      issues.add(path, {
        message: `group names the input ${showText(name)}, which the pipeline does not have`,
        expected: 'the name of an input in { and }',
        misspelt: { name, known: names },
      });
    } else if (input.secret) {
      issues.add(path, {
        message: `group names the input ${showText(name)}, which is secret`,
        expected: 'inputs that everybody may see',
      });
    }
    return '';
  });
  if (rest === undefined || !/[{}]/.test(rest)) return;
  issues.add(path, {
    message: 'group has a { or } without its other half',
    found: showText(rule?.group ?? ''),
    expected: 'the name of an input in { and }',
  });
}
