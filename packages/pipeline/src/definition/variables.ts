// Environment variables of a pipeline or a container.
import { asRecord, type LuaValue } from '@rivet/lua';
import { fieldPath, type IssueList } from './issue-list.ts';
import { checkVariableName } from './names.ts';
import { fieldOf, labelOf, type Reader, wrong } from './read-fields.ts';
import { showValue } from './show-value.ts';

/** What Linux takes as one `NAME=value` string (MAX_ARG_STRLEN) less room for the name. */
const VALUE_BYTES_MAX = 128 * 1024 - 256;
const COUNT_MAX = 1000;
const EXPECTED = 'a table of text by name, such as { CI = "true" }';

export const readVariables: Reader<Record<string, string>> = (value, path, issues) => {
  const record = asRecord(value);
  if (record === undefined) {
    return wrong(issues, path, `${labelOf(path)} is not a table of fields`, value, EXPECTED);
  }
  const names = Object.keys(record);
  if (names.length > COUNT_MAX) {
    issues.add(path, {
      message: `${labelOf(path)} has too many variables`,
      found: String(names.length),
      expected: `at most ${COUNT_MAX}`,
    });
    return undefined;
  }
  const variables: Record<string, string> = {};
  for (const name of names) {
    const element = fieldOf(record, name);
    if (element === undefined) continue;
    const at = fieldPath(path, name);
    const nameIsGood = checkVariableName(name, at, issues);
    const text = readValue(element, at, issues);
    if (nameIsGood && text !== undefined) variables[name] = text;
  }
  return variables;
};

function readValue(value: LuaValue, path: string, issues: IssueList): string | undefined {
  const label = labelOf(path);
  if (typeof value === 'number' || typeof value === 'boolean') {
    issues.add(path, {
      message: `${label} is not text`,
      found: showValue(value),
      expected: `text: write "${String(value)}"`,
    });
    return undefined;
  }
  if (typeof value !== 'string') return wrong(issues, path, `${label} is not text`, value, 'text');
  if (value.includes('\0')) {
    return wrong(issues, path, `${label} has a zero byte`, value, 'text without one');
  }
  const bytes = Buffer.byteLength(value);
  if (bytes > VALUE_BYTES_MAX) {
    issues.add(path, {
      message: `${label} is too long`,
      found: `${bytes} bytes`,
      expected: `at most ${VALUE_BYTES_MAX} bytes`,
    });
    return undefined;
  }
  return value;
}
