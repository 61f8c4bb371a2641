// Makes docs/reference/lua.md from the stubs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  parseStub,
  type Stub,
  type StubClass,
  type StubField,
  type StubFunction,
} from './stub-parser.ts';

/** The stubs, in the order in which the reference shows them. */
const stubModules = [
  'pipeline',
  'log',
  'input',
  'output',
  'job',
  'secret',
  'process',
  'container',
  'fs',
  'http',
  'json',
  'yaml',
  'time',
  'os',
  'test',
  'mock',
  'plugin',
] as const;

export function readStubs(directory: string): Stub[] {
  return stubModules.map((module) =>
    parseStub(module, readFileSync(join(directory, `${module}.lua`), 'utf8')),
  );
}

/**
 * The text of docs/reference/lua.md.
 * @param directory where the stubs lie
 */
export function renderLuaReference(directory: string): string {
  const stubs = readStubs(directory);
  const contents = stubs.map(({ module }) => `- [${module}](#${module})`).join('\n');
  return `${introduction}\n${contents}\n\n${stubs.map(renderStub).join('\n')}`;
}

const introduction = `# The Lua reference

What a \`pipeline.lua\` sees besides Lua itself. This page is made from the files in \`stubs/\` by
\`npm run docs\`; editors read the same files (\`rivet init\` copies them into a project). A test fails
when stubs, this page and the program differ.

Lua is version 5.3. Its standard library is there as far as it has no effect: \`string\`, \`table\`,
\`math\`, \`utf8\`, \`coroutine\`, \`pcall\` and its kin. Effects are calls of the modules below; they may
only be made inside of the functions of the pipeline, not while the file is evaluated. Integers are
exact up to 2^53. An option that does not exist is an error that names the nearest one.
`;

/** One module or plugin as a section of a page. */
export function renderStub(stub: Stub): string {
  const parts = [`## ${stub.module}`];
  const own = stub.classes.filter((each) => each.global);
  for (const { text, fields } of own) {
    parts.push(text);
    if (fields.length > 0) parts.push(renderFields(fields, `${stub.module}.`));
  }
  parts.push(...stub.functions.map(renderFunction));
  const tables = stub.classes.filter((each) => !each.global && each.fields.length > 0);
  parts.push(...tables.map(renderTable));
  for (const [name, type] of stub.aliases) parts.push(`**${name}** is \`${type}\`.`);
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function renderFunction({ name, text, parameters, returns }: StubFunction): string {
  const list = parameters.map((each) => (each.optional ? `${each.name}?` : each.name)).join(', ');
  const result = returns.length === 0 ? '' : `\n\nReturns \`${returns.join('`, `')}\`.`;
  const fields = parameters.length === 0 ? '' : `\n\n${renderFields(parameters, '')}`;
  return `### ${name}(${list})\n\n${text}${fields}${result}`.replace(/\n{3,}/g, '\n\n');
}

function renderTable({ name, text, fields }: StubClass): string {
  return [`### ${name}`, text, renderFields(fields, '')].filter((part) => part !== '').join('\n\n');
}

function renderFields(fields: readonly StubField[], prefix: string): string {
  return fields.map((field) => renderField(field, prefix)).join('\n');
}

function renderField({ name, optional, type, text }: StubField, prefix: string): string {
  const shown = name.startsWith('[') ? '1, 2, …' : `${prefix}${name}`;
  const must = optional || name.startsWith('[') || prefix !== '' ? '' : ', required';
  return `- \`${shown}\` (\`${type}\`${must})${text === '' ? '' : `: ${text}`}`;
}
