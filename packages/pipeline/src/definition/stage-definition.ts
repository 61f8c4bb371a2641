// Reads one stage of a definition.
import type { LuaFunction, LuaValue } from '@rivet/lua';
import { type StageDefinition, type StageRetryCause, stageRetryCauses } from '@rivet/protocol';
import { readPolicy } from '../policy/read-policy.ts';
import { readContainer } from './container-options.ts';
import { readFunction } from './input-definition.ts';
import type { IssueList } from './issue-list.ts';
import { readName } from './names.ts';
import {
  choiceReader,
  listReader,
  numberReader,
  optional,
  present,
  type Reader,
  readBoolean,
  readDurationMs,
  readRecord,
  required,
  wrong,
} from './read-fields.ts';
import { showText } from './show-value.ts';

/** A stage as far as it could be read. */
export interface ReadStage {
  readonly path: string;
  readonly name: string | undefined;
  readonly needs: readonly string[] | null;
  /** Undefined when the stage has a mistake. */
  readonly definition: StageDefinition | undefined;
  readonly script: LuaFunction | undefined;
  readonly condition: LuaFunction | undefined;
}

const KNOWN = [
  'name',
  'script',
  'needs',
  'container',
  'condition',
  'timeout',
  'retry',
  'allow_failure',
  'readonly',
  'always',
  'policy',
] as const;
const EXPECTED = 'a table such as { name = "build", script = function() … end }';

/** Reads `stages[n]`. Names of other stages are checked when all are read. */
export function readStage(value: LuaValue, path: string, issues: IssueList): ReadStage {
  const before = issues.length;
  const record = readRecord(value, path, issues, EXPECTED, KNOWN) ?? {};
  // A value that is no table has been reported: don't ask for its fields one by one.
  const missing = issues.length > before && Object.keys(record).length === 0;
  const at = <T>(key: string, read: Reader<T>): T | undefined =>
    optional(record, key, path, issues, read);
  const name = missing
    ? undefined
    : required(record, 'name', path, issues, 'the name of the stage', readName);
  const script = missing
    ? undefined
    : required(record, 'script', path, issues, 'a function', readFunction);
  const condition = at('condition', readFunction);
  const needs = at('needs', readNeeds) ?? null;
  const container = at('container', readContainer) ?? null;
  const timeoutMs = at('timeout', readDurationMs) ?? null;
  const retry = at('retry', readStageRetry);
  const allowFailure = at('allow_failure', readBoolean) ?? false;
  const isReadonly = at('readonly', readBoolean) ?? false;
  const always = at('always', readBoolean) ?? false;
  const policy = at('policy', readPolicy);
  const good = issues.length === before && name !== undefined;
  const definition: StageDefinition | undefined = good
    ? {
        name,
        needs: needs === null ? null : [...needs],
        container,
        has_condition: condition !== undefined,
        timeout_ms: timeoutMs,
        ...(retry ?? { retry_max: 0 }),
        allow_failure: allowFailure,
        readonly: isReadonly,
        always,
        ...(policy === undefined ? {} : { policy }),
      }
    : undefined;
  return { path, name, needs, definition, script, condition };
}

const readNeeds: Reader<string[]> = listReader({
  expected: 'a list of stage names such as { "build" }',
  countMax: 1000,
  item: readName,
  twice: (name) => `${showText(name)} is needed twice`,
});

const readStageRetry: Reader<Pick<StageDefinition, 'retry_max' | 'retry_on' | 'retry_delay_ms'>> = (
  value,
  path,
  issues,
) => {
  const expected = 'a table such as { max = 2 }';
  const record = readRecord(value, path, issues, expected, ['max', 'on', 'delay']);
  if (record === undefined) return undefined;
  const count = 'a whole number from 0 to 10';
  const max = required(record, 'max', path, issues, count, numberReader(0, 10, true));
  const on = optional(record, 'on', path, issues, readStageCauses);
  const delay = optional(record, 'delay', path, issues, readRetryDelay);
  if (max === undefined) return undefined;
  return { retry_max: max, ...present({ retry_on: on, retry_delay_ms: delay }) };
};

const readStageCauses: Reader<StageRetryCause[]> = (value, path, issues) => {
  const causes = listReader<StageRetryCause>({
    expected: `a list of causes: ${stageRetryCauses.join(', ')}`,
    countMax: stageRetryCauses.length,
    item: choiceReader(stageRetryCauses),
    twice: (cause) => `${showText(cause)} is there twice`,
  })(value, path, issues);
  if (!Array.isArray(value) || value.length > 0) return causes;
  return wrong(issues, path, 'on is empty: the stage would never run again', value, 'a cause');
};

const RETRY_DELAY_MS_MAX = 60 * 60 * 1000;

const readRetryDelay: Reader<number> = (value, path, issues) => {
  const ms = readDurationMs(value, path, issues);
  if (ms === undefined || ms <= RETRY_DELAY_MS_MAX) return ms;
  return wrong(issues, path, 'delay is too long', value, 'at most "1h"');
};
