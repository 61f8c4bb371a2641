// The grammars of the names in a definition.
import type { LuaValue } from '@rivet/lua';
import type { IssueList } from './issue-list.ts';
import { labelOf, type Reader, textReader, wrong } from './read-fields.ts';
import { showText } from './show-value.ts';

const NAME_EXPECTED =
  '1 to 100 letters, digits, spaces and . _ / -, beginning with a letter or digit, not ending with a space';

/**
 * The name of a pipeline or stage. It begins with a letter or digit, so it is never `..` in a URL.
 */
export const readName: Reader<string> = textReader({
  expected: NAME_EXPECTED,
  lengthMax: 100,
  pattern: /^[A-Za-z0-9]([A-Za-z0-9 ._/-]*[A-Za-z0-9._/-])?$/,
});

const INPUT_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,99}$/;

/** Whether an input may have this name; reports when not. A letter first, so never `__proto__`. */
export function checkInputName(name: string, path: string, issues: IssueList): boolean {
  if (INPUT_NAME.test(name)) return true;
  issues.add(path, {
    message: `${showText(name)} cannot be the name of an input`,
    expected: '1 to 100 letters, digits, _ and -, beginning with a letter',
  });
  return false;
}

const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,199}$/;
const VARIABLE_EXPECTED = 'letters, digits and _, not beginning with a digit';

/** Whether an environment variable may have this name; reports when not. */
export function checkVariableName(name: string, path: string, issues: IssueList): boolean {
  if (name.toUpperCase().startsWith('RIVET_')) {
    issues.add(path, {
      message: `${showText(name)} is reserved: Rivet sets the variables that begin with RIVET_`,
      expected: 'a name that begins otherwise',
    });
    return false;
  }
  if (VARIABLE_NAME.test(name) && name !== '__proto__') return true;
  issues.add(path, {
    message: `${showText(name)} cannot be the name of an environment variable`,
    expected: VARIABLE_EXPECTED,
  });
  return false;
}

/** The name of a secret: like a variable's. */
export const readSecretName: Reader<string> = (value: LuaValue, path, issues) => {
  if (typeof value === 'string' && VARIABLE_NAME.test(value) && value !== '__proto__') return value;
  return wrong(
    issues,
    path,
    `${labelOf(path)} is not the name of a secret`,
    value,
    VARIABLE_EXPECTED,
  );
};
