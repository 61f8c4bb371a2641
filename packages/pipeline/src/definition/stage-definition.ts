// Reads one stage of a definition.
import type { LuaFunction, LuaValue } from '@rivet/lua';
import type { StageDefinition } from '@rivet/protocol';
import { readPolicy } from '../policy/read-policy.ts';
import { readContainer } from './container-options.ts';
import { readFunction } from './input-definition.ts';
import type { IssueList } from './issue-list.ts';
import { readName } from './names.ts';
import {
  listReader,
  numberReader,
  optional,
  type Reader,
  readBoolean,
  readDurationMs,
  readRecord,
  required,
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
  const retryMax = at('retry', readStageRetry) ?? 0;
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
        retry_max: retryMax,
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

const readStageRetry: Reader<number> = (value, path, issues) => {
  const record = readRecord(value, path, issues, 'a table such as { max = 2 }', ['max']);
  if (record === undefined) return undefined;
  const expected = 'a whole number from 0 to 10';
  return required(record, 'max', path, issues, expected, numberReader(0, 10, true));
};
