// Holds stubs, modules and the reference page equal.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { definitionModules } from '@rivet/pipeline';
import { describe, expect, it } from 'vitest';
import { optionNames } from '../host-function.ts';
import { JOB_FIELDS } from '../modules/job.ts';
import { hostModules } from '../modules/registry.ts';
import { readStubs, renderLuaReference } from './lua-reference.ts';
import { parseStub, type Stub, type StubFunction } from './stub-parser.ts';

const root = resolve(import.meta.dirname, '../../../..');
const stubs = readStubs(resolve(root, 'stubs'));
const classes = stubs.flatMap((stub) => stub.classes);

function stubOf(module: string): Stub {
  return stubs.find((stub) => stub.module === module)!;
}

/** The option names that a function's stub gives, whatever the name of the table. */
function stubOptions(fn: StubFunction): string[] {
  const types = fn.parameters.flatMap(({ type }) => type.split('|'));
  const tables = classes.filter((each) => types.includes(each.name) && each.name !== 'DateTable');
  return tables
    .flatMap(({ fields }) => fields.map(({ name }) => name))
    .filter((n) => !n.startsWith('['));
}

describe.each(hostModules.map((module) => [module.name, module] as const))(
  'stub of %s',
  (name, module) => {
    const stub = stubOf(name);
    const functions = stub.functions.filter((fn) => fn.name.startsWith(`${name}.`));

    it('has exactly the functions of the module', () => {
      const known = Object.keys(module.functions).filter((key) => module.functions[key]!.public);
      expect(functions.map((fn) => fn.name).sort()).toEqual(
        known.map((key) => `${name}.${key}`).sort(),
      );
    });

    it('has exactly the fields that only Lua implements', () => {
      const fields = stub.classes.find((each) => each.global)!.fields.map((field) => field.name);
      expect(fields).toEqual([...(module.luaFunctions ?? []), ...(module.fields ?? [])]);
    });

    it.each(functions.map((fn) => [fn.name, fn] as const))(
      'describes the options of %s',
      (full, fn) => {
        const host = module.functions[full.slice(name.length + 1)]!;
        expect(stubOptions(fn)).toEqual(optionNames(host));
      },
    );

    it.each(functions.map((fn) => [fn.name, fn] as const))(
      'says which parameters of %s may be left out',
      (full, fn) => {
        const host = module.functions[full.slice(name.length + 1)]!;
        // The host also takes what trusted Lua adds: the list of a command, `json.null`.
        const shown = host.parameters.filter((each) => !['command', 'null'].includes(each.name));
        expect(fn.parameters.map(({ name, optional }) => ({ name, optional }))).toEqual(
          shown.map(({ name, optional }) => ({ name, optional })),
        );
      },
    );
  },
);

it('the stub of job has exactly its fields', () => {
  expect(stubOf('job').classes[0]!.fields.map((field) => field.name)).toEqual([...JOB_FIELDS]);
});

it('every handle method of the stub is a host function', () => {
  const methods = stubOf('process').functions.filter((fn) => fn.name.startsWith('handle:'));
  const known = Object.keys(hostModules.find(({ name }) => name === 'process')!.functions)
    .filter((key) => key.startsWith('handle_'))
    .map((key) => key.replace('handle_', 'handle:'));
  expect(methods.map((fn) => fn.name).sort()).toEqual(known.sort());
});

describe('stub of pipeline', () => {
  const source = definitionModules().find(({ name }) => name === 'pipeline')!.source!;
  const names = stubOf('pipeline').functions.map((fn) => fn.name);

  it('has exactly the functions of the module', () => {
    const known = [...source.matchAll(/^function (pipeline\.\w+)\(/gm)].map((match) => match[1]!);
    expect(names.filter((name) => name.startsWith('pipeline.')).sort()).toEqual(known.sort());
  });
});

it('the reference page is made from the stubs (mend with: npm run docs)', () => {
  const page = readFileSync(resolve(root, 'docs/reference/lua.md'), 'utf8');
  expect(page).toBe(renderLuaReference(resolve(root, 'stubs')));
});

describe('the parser of stubs', () => {
  it('refuses a line that is no form of a stub', () => {
    expect(() => parseStub('x', 'x = 1\n')).toThrow('stubs/x.lua:1');
  });

  it('refuses a parameter that is not described', () => {
    expect(() => parseStub('x', '---Text\nfunction x.y(a) end\n')).toThrow(
      'the function takes (a)',
    );
  });

  it('reads types with blanks in brackets and results of functions', () => {
    const stub = parseStub('x', '---@class X\n---@field f? fun(a: b, c): d, e? the text\nx = {}\n');
    expect(stub.classes[0]!.fields).toEqual([
      { name: 'f', optional: true, type: 'fun(a: b, c): d, e?', text: 'the text' },
    ]);
  });
});
