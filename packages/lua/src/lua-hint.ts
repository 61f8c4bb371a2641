// What to do about a message of Lua's own: for authors who think in another language, or mistyped.
import { type KnownNames, meantName, STANDARD_NAMES } from './known-names.ts';

interface Hint {
  /** Of the message. */
  readonly message: RegExp;
  /** Of the source line; absent when the message says it all. */
  readonly line?: RegExp;
  /** `$1` and so on are the groups of the message. */
  readonly hint: string;
}

/** The first that fits counts: foreign words before what Lua expected in their place. */
const SYNTAX_HINTS: readonly Hint[] = [
  { message: /near '!'/, hint: 'Lua writes "~=" for "not equal" and "not" for "!".' },
  { message: /near '&'/, line: /&&/, hint: 'Lua writes "and".' },
  { message: /near '\|'/, line: /\|\|/, hint: 'Lua writes "or".' },
  { message: /near '[+*/-]'/, line: /[+*/-]=/, hint: 'Lua writes "n = n + 1" for "n += 1".' },
  { message: /near '#'/, line: /^\s*#/, hint: 'A comment begins with "--".' },
  { message: /near '\/'/, line: /^\s*\/\//, hint: 'A comment begins with "--".' },
  { message: /./, line: /^\s*(?:const|let|var)\s/, hint: 'Lua writes "local x = …".' },
  { message: /./, line: /^\s*(?:elif|else\s+if)\b/, hint: 'Lua writes "elseif … then".' },
  { message: /near '\{'/, line: /\)\s*\{/, hint: 'Blocks have no braces: "function f() … end".' },
  {
    message: /'then' expected near '='/,
    hint: '"==" compares; "=" sets a variable and cannot stand in a condition.',
  },
  {
    message: /function arguments expected near|near ':'/,
    line: /^\s*[\w-]+\s*:\s*/,
    hint: 'A field is written "name = value"; a pipeline is Lua, not YAML.',
  },
  {
    message: /'\}' expected \(to close '\{' at line \d+\) near '[\w["{]/,
    hint: 'Is the comma missing after the field before?',
  },
  { message: /'\}' expected \(to close/, hint: 'Close the table with "}" first.' },
  { message: /'\)' expected/, hint: 'Close the bracket with ")" first.' },
  {
    message: /unexpected symbol near '[})]'/,
    hint: 'Is an "end" missing above? Each function, if, for, while and do needs one.',
  },
  {
    message: /'end' expected(?: \(to close '(\w+)' at line (\d+)\))? near/,
    hint: 'Each function, if, for, while and do needs an "end" of its own.',
  },
  {
    message: /<eof> expected near 'end'/,
    hint: 'There is an "end" too many, here or above.',
  },
  {
    message: /<eof> expected near/,
    hint: 'Nothing may follow the "return" of the file; is an "end" too many above?',
  },
  {
    message:
      /<name> expected near '(and|break|do|else|elseif|end|false|for|function|goto|if|in|local|nil|not|or|repeat|return|then|true|until|while)'/,
    hint: '"$1" is a word of Lua\'s own: choose another name.',
  },
  { message: /unfinished string/, hint: 'Is the closing quote missing? [[…]] may span lines.' },
  {
    message: /invalid escape sequence/,
    hint: 'Write "\\\\" for a backslash. Lua patterns use "%": "%d+" for digits.',
  },
  {
    message: /^syntax error near/,
    hint: 'A name alone does nothing: call it with "()" or set it with "=". Lua has no "continue".',
  },
  { message: /unexpected symbol near '='/, hint: 'Compare with "==", "~=", "<=" or ">=".' },
];

const ERROR_HINTS: readonly Hint[] = [
  {
    message: /call a nil value \((?:field|method|global|local|upvalue) '(\w+)'\)/,
    hint: 'There is no function "$1" here: is its name right, and is it defined before this line?',
  },
  {
    message: /index a nil value \((?:field|global|local|upvalue) '(\w+)'\)/,
    hint: '"$1" is nil, so it has no fields: is its name right, and was it set before this line?',
  },
  {
    message: /concatenate a nil value \(\w+ '(\w+)'\)/,
    hint: '"$1" is nil: is its name right? A value that may be missing: ($1 or "")',
  },
  {
    message: /concatenate a (boolean|table|function) value/,
    hint: 'Only text and numbers can be joined: tostring(value), or json.encode(value) for a table.',
  },
  {
    message: /compare (?:number with string|string with number)/,
    hint: 'Text and numbers have no order: tonumber(text) makes a number of text.',
  },
  {
    message: /arithmetic on a (nil|string|boolean|table) value/,
    hint: 'Only numbers can be calculated with: is the value set? tonumber(text) makes a number.',
  },
  {
    message: /stack overflow/,
    hint: 'A function calls itself without an end; the traceback shows which.',
  },
];

/** What a person could do about a syntax error or an error of Lua's own; undefined for others. */
export function luaHint(
  kind: 'syntax' | 'error',
  message: string,
  sourceLine: string | undefined,
  names: KnownNames = STANDARD_NAMES,
): string | undefined {
  const meant = kind === 'error' ? meantName(message, sourceLine ?? '', names) : undefined;
  if (meant !== undefined) return meant;
  for (const { message: pattern, line, hint } of kind === 'syntax' ? SYNTAX_HINTS : ERROR_HINTS) {
    const match = pattern.exec(message);
    if (match === null || (line !== undefined && !line.test(sourceLine ?? ''))) continue;
    return hint.replaceAll(/\$(\d)/g, (_, group: string) => match[Number(group)] ?? '');
  }
  return undefined;
}
