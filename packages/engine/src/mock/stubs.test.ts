// Holds the stubs of `test`, `mock` and `expect` equal to the program.
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readStubs } from '../reference/lua-reference.ts';
import type { Stub, StubClass } from '../reference/stub-parser.ts';
import { runOptions } from './run-request.ts';
import { testSource } from './test-modules.ts';

const stubs = readStubs(resolve(import.meta.dirname, '../../../../stubs'));
const source = testSource;
const test = stubs.find(({ module }) => module === 'test') as Stub;
const mock = stubs.find(({ module }) => module === 'mock') as Stub;

function stubbed({ functions }: Stub, prefix: string): string[] {
  const names = functions.map(({ name }) => name).filter((name) => name.startsWith(prefix));
  return names.map((name) => name.slice(prefix.length)).sort();
}

/** Names that the source defines as `<table>.name` or `<table>:name`. */
function defined(table: string): string[] {
  const dotted = source.matchAll(new RegExp(`^function ${table}[.:](\\w+)\\(`, 'gm'));
  const quoted = source.matchAll(new RegExp(`^${table}\\["(\\w+)"\\] = function`, 'gm'));
  return [...dotted, ...quoted].map((match) => match[1] ?? '').sort();
}

/** The parameters that the source gives a function. */
function parametersOf(name: string): string[] {
  const match = new RegExp(`^function ${name.replace('.', '\\.')}\\(([^)]*)\\)`, 'm').exec(source);
  return (match?.[1] ?? '').split(',').map((each) => each.trim());
}

function fieldsOf({ classes }: Stub, name: string): string[] {
  const found = classes.find((each) => each.name === name) as StubClass;
  const names = found.fields.map((field) => field.name);
  return names.filter((field) => !field.startsWith('[')).sort();
}

/** The keys of `local NAME = { a = true, … }`. */
function keysOf(table: string): string[] {
  const body = new RegExp(`^local ${table} = \\{([^}]*)\\}`, 'm').exec(source)?.[1] ?? '';
  return [...body.matchAll(/(\w+) = true/g)].map((match) => match[1] ?? '').sort();
}

describe('the stubs have exactly the functions of', () => {
  it.each([
    [
      'test',
      stubbed(test, 'test.'),
      defined('module').filter((name) => !['expect', 'print'].includes(name)),
    ],
    ['mock', stubbed(mock, 'mock.'), defined('mock')],
    ['a mock', stubbed(mock, 'a_mock:'), defined('Mock')],
    ['a pipeline', stubbed(test, 'tested_pipeline:'), defined('Pipeline')],
    ['a run', stubbed(test, 'test_run:'), defined('Run')],
    ['a log', stubbed(test, 'test_log:'), defined('Log')],
    ['expect', stubbed(test, 'expectation:'), defined('Expectation')],
  ])('%s', (_, inStubs, inSource) => {
    expect(inStubs.length).toBeGreaterThan(0);
    // A skipped case is `test.skip` in the source, a case `module["case"]`.
    expect(inStubs).toEqual(inSource);
  });
});

it.each(stubbed(mock, 'mock.').map((name) => [name]))(
  'the stub of mock.%s has its parameters',
  (name) => {
    const stub = mock.functions.find((fn) => fn.name === `mock.${name}`);
    expect(stub?.parameters.map((each) => each.name)).toEqual(parametersOf(`mock.${name}`));
  },
);

describe('the stubs have exactly the fields of', () => {
  it.each([
    ['the options of p:run', fieldsOf(test, 'TestRunOptions'), [...runOptions.options].sort()],
    ['the answer of a command', fieldsOf(mock, 'CommandAnswer'), keysOf('PROCESS_FIELDS')],
    ['the answer of a request', fieldsOf(mock, 'RequestAnswer'), keysOf('HTTP_FIELDS')],
    ['the answer of an image', fieldsOf(mock, 'ImageAnswer'), keysOf('IMAGE_FIELDS')],
    ['a command that is meant', fieldsOf(mock, 'CommandFields'), keysOf('COMMAND_FIELDS')],
  ])('%s', (_, inStubs, inSource) => {
    expect(inStubs.length).toBeGreaterThan(0);
    expect(inStubs).toEqual(inSource);
  });

  it('a run', () => {
    const list = /ipairs\(\{ ("state".*) \}\) do\n {2}run_fields/.exec(source)?.[1] ?? '';
    const names = [...list.matchAll(/"(\w+)"/g)].map((match) => match[1] ?? '');
    expect(fieldsOf(test, 'TestRun')).toEqual(names.sort());
  });
});
