// Evaluating pipeline files in a real VM: definitions, positions, errors, limits.
import { createLuaEngine, type LuaEngine, type LuaModuleSpec } from '@rivet/lua';
import type { DefinitionIssue, PipelineBundle } from '@rivet/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { luaPatternProblem } from '../definition/lua-pattern.ts';
import { CREATION_LIMITS, checkPipeline, evaluatePipeline } from './evaluate-pipeline.ts';

const modules: LuaModuleSpec[] = [{ name: 'process', functions: ['run'] }];
let engine: LuaEngine;

beforeAll(() => {
  engine = createLuaEngine({ reuseProcesses: true });
});
afterAll(() => engine.close());

function bundleOf(source: string, others: Record<string, string> = {}): PipelineBundle {
  return { main: 'pipeline.lua', files: { 'pipeline.lua': source, ...others } };
}

async function issuesOf(
  source: string,
  others?: Record<string, string>,
): Promise<DefinitionIssue[]> {
  const limits = { ...CREATION_LIMITS, cpuMs: 500 };
  const checked = await checkPipeline(engine, bundleOf(source, others), { modules, limits });
  return checked.ok ? [] : checked.issues;
}

async function definitionOf(source: string) {
  const checked = await checkPipeline(engine, bundleOf(source), { modules });
  if (!checked.ok) throw new Error(JSON.stringify(checked.issues, undefined, 1));
  return checked.definition;
}

const GOOD_STAGES = 'stages = { { name = "build", script = function() end } }';

describe('a file with mistakes', () => {
  test('twenty mistakes are twenty issues, each on its line', async () => {
    const source = [
      'return pipeline.define({',
      '  name = "../up",',
      '  descripton = "typo",',
      '  timeout = "5 bananas",',
      '  retry = { max = 99,',
      '    on = { "runer_lost" } },',
      '  env = { RIVET_X = "1",',
      '    PORT = 8080 },',
      '  plugins = { "git" },',
      '  policy = { htp = {} },',
      '  inputs = {',
      '    level = { type = "strng" },',
      '    jobs = { type = "number", min = 5,',
      '      max = 1 },',
      '    mode = { type = "string", default = "fast",',
      '      options = { "slow" } },',
      '    version = { type = "string", pattern = "^%d+$",',
      '      default = "1.x" },',
      '    odd = { type = "number", validate = function(v) return v % 2 == 1, "want odd" end,',
      '      default = 4 },',
      '  },',
      '  stages = {',
      '    { name = "build", script = function() end,',
      '      container = "Alpine" },',
      '    { name = "test", script = function() end,',
      '      needs = { "biuld" } },',
      '    { name = "test", script = function() end },',
      '    { name = "publish", script = "make" },',
      '    { name = "a", script = function() end, needs = { "b" } },',
      '    { name = "b", script = function() end, needs = { "a" } },',
      '    { name = "last", script = function() end, always = "yes" },',
      '    { name = "end", script = function() end, timeout = 0 },',
      '  },',
      '})',
    ].join('\n');
    const issues = await issuesOf(source);
    expect(issues.map(({ path, line, nearest }) => [path, line, nearest])).toEqual([
      ['name', 2, undefined],
      ['descripton', 3, 'description'],
      ['timeout', 4, undefined],
      ['retry.max', 5, undefined],
      ['retry.on[1]', 6, 'runner_lost'],
      ['env.RIVET_X', 7, undefined],
      ['env.PORT', 8, undefined],
      ['plugins[1]', 9, undefined],
      ['policy.htp', 10, 'http'],
      ['inputs.level.type', 12, 'string'],
      ['inputs.jobs.min', 13, undefined],
      ['inputs.mode.default', 15, undefined],
      ['inputs.version.default', 18, undefined],
      ['inputs.odd.default', 20, undefined],
      ['stages[1].container', 24, undefined],
      ['stages[2].needs[1]', 26, 'build'],
      ['stages[3].name', 27, undefined],
      ['stages[4].script', 28, undefined],
      ['stages[5].needs', 29, undefined],
      ['stages[7].always', 31, undefined],
      ['stages[8].timeout', 32, undefined],
    ]);
    for (const { file, line = 0, column = 0, source_line } of issues) {
      expect(file).toBe('pipeline.lua');
      expect(source_line).toBe(source.split('\n')[line - 1]);
      expect(column).toBeGreaterThan(0);
    }
    expect(issues[13]?.message).toBe('default is refused by the pipeline: want odd');
  });

  test.each([
    [
      'a syntax error',
      'return pipeline.define({\n  name = = 4 })',
      2,
      /unexpected symbol near '='/,
    ],
    ['an uncaught error', 'local x\nreturn x.y', 2, /index a nil value/],
    ['a host call', '\nprocess.run({ "make" })', 2, /process.run cannot be called/],
    ['an endless loop', '\n\nwhile true do end', 3, /computed for more than/],
    ['a memory bomb', 'local s = "x"\nwhile true do s = s .. s end', 2, /64MB of memory/],
    ['a deep recursion', 'local function f() return 1 + f() end\nreturn f()', 1, /stack overflow/],
    ['a mixed table', 'return pipeline.define({\n  env = { "x", A = "b" } })', 2, /string keys/],
    ['a cycle of tables', 'local t = {}\nt.t = t\nreturn pipeline.define(t)', 2, /contains itself/],
    ['define without a table', '\nreturn pipeline.define("x")', 2, /takes a table.*not text/],
    ['an unknown method', 'local b = pipeline.builder()\nb:stgae({})', 2, /did you mean "stage"\?/],
    ['a dot for a colon', 'local b = pipeline.builder()\nb.name("x")', 2, /with a colon/],
    [
      'a builder in use after build',
      'local b = pipeline.builder()\nb:build()\nb:name("x")',
      3,
      /after build/,
    ],
    [
      'an input built twice',
      'local b = pipeline.builder():input("a", {})\nb:input("a", {})',
      2,
      /twice for a/,
    ],
  ])('%s is one issue with its line', async (_, source, line, message) => {
    const issues = await issuesOf(source);
    expect(issues).toHaveLength(1);
    expect(issues[0]?.message).toMatch(message);
    expect(issues[0]).toMatchObject({ file: 'pipeline.lua', line });
    expect(issues[0]?.source_line).toBe(source.split('\n')[line - 1]);
  });

  test.each([
    ['local x = 1', 'the file returns nothing'],
    ['return 4', 'the file returns no pipeline'],
    ['return { name = "a" }', 'the file returns no pipeline'],
    ['return pipeline.define({}), 2', 'the file returns no pipeline'],
    ['return pipeline.builder():name("a")', 'the file returns a builder that was not built'],
  ])('%s: %s', async (source, message) => {
    expect((await issuesOf(source)).map((issue) => issue.message)).toEqual([message]);
  });

  test('a mistake in a file that is required has the name of that file', async () => {
    const lib =
      'local M = {}\nM.stage = { name = "x",\n  timeout = -1, script = function() end }\nreturn M';
    const source = 'return pipeline.define({ name = "a", stages = { require("lib.s").stage } })';
    expect(await issuesOf(source, { 'lib/s.lua': lib })).toMatchObject([
      { path: 'stages[1].timeout', file: 'lib/s.lua', line: 3 },
    ]);
  });

  test('a validate function that never ends is told as a mistake of that default', async () => {
    const source = `return pipeline.define({ name = "a", ${GOOD_STAGES}, inputs = {
      slow = { type = "string", default = "x", validate = function() while true do end end } } })`;
    const [issue] = await issuesOf(source);
    expect(issue).toMatchObject({ path: 'inputs.slow.default', line: 2 });
    expect(issue?.message).toMatch(/could not be checked.*computed for more than/);
  });

  test('a bundle that is none is refused before a process is started', async () => {
    const bundle = { main: 'other.lua', files: { 'pipeline.lua': 'return 1' } };
    await expect(checkPipeline(engine, bundle, { modules })).rejects.toMatchObject({
      code: 'RIVET_PIPELINE_BUNDLE_INVALID',
    });
  });
});

test('creation gives a file 2 seconds of CPU and 64 MB', () => {
  expect(CREATION_LIMITS).toEqual({ cpuMs: 2000, memoryBytes: 67_108_864 });
});

describe('a good file', () => {
  test('its functions can be called on the VM that stays open', async () => {
    const source = `return pipeline.define({ name = "a",
      inputs = { v = { type = "string", validate = function(v) return v == "good" end } },
      stages = { { name = "s", condition = function() return 7 end,
        script = function() return process.run({ "make" }) end } } })`;
    const calls: string[] = [];
    const evaluated = await evaluatePipeline(engine, bundleOf(source), {
      modules,
      host: {
        call: async ({ name }) => {
          calls.push(name);
          return ['done'];
        },
      },
    });
    if (!evaluated.ok) throw new Error('not valid');
    const { functions, vm } = evaluated;
    const stage = functions.stages.get('s');
    const validate = functions.inputs.get('v');
    if (stage?.condition === undefined || validate === undefined) throw new Error('no function');
    expect(await vm.call(stage.condition, [], { branch: '1' })).toEqual([7]);
    expect(await vm.call(stage.script, [], { branch: '2' })).toEqual(['done']);
    expect(await vm.call(validate, ['bad'], { branch: '3' })).toEqual([false]);
    expect(calls).toEqual(['process.run']);
    await vm.close();
  });

  test('inputs and stages keep the order of the file', async () => {
    const definition = await definitionOf(`return pipeline.define({ name = "a", inputs = {
      zulu = { type = "string" }, alpha = { type = "bool" }, mike = { type = "list" } },
      ${GOOD_STAGES} })`);
    expect(definition.inputs.map(({ name }) => name)).toEqual(['zulu', 'alpha', 'mike']);
  });

  test('the typed helpers give what they were given', async () => {
    const definition = await definitionOf(`return pipeline.define({ name = "a",
      runner = { pipeline.tag("os", "linux") },
      inputs = { i = pipeline.input({ type = "number" }) },
      stages = { pipeline.stage({ name = "s", script = function() end }) } })`);
    expect(definition.runner).toEqual([{ key: 'os', value: 'linux' }]);
    expect(definition.inputs[0]?.type).toBe('number');
  });
});

/** A value as Lua source. */
function lua(value: unknown): string {
  if (value === 'FUNCTION') return 'function() end';
  if (Array.isArray(value)) return `{ ${value.map(lua).join(', ')} }`;
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value).map(([key, field]) => `[${lua(key)}] = ${lua(field)}`);
    return `{ ${fields.join(', ')} }`;
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const definitionParts = fc.record(
  {
    name: word,
    description: word,
    timeout: fc.integer({ min: 1, max: 9999 }),
    retry: fc.record({ max: fc.nat(10) }),
    policy: fc.constant({ process: { allow: ['git'] } }),
    inputs: fc.dictionary(word, fc.constantFrom({ type: 'string' }, { type: 'bool' }), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
    env: fc.dictionary(word, word, { maxKeys: 3, noNullPrototype: true }),
    runner: fc.uniqueArray(fc.record({ key: word, value: word }), {
      selector: ({ key }) => key,
      maxLength: 3,
    }),
    secrets: fc.uniqueArray(word, { maxLength: 3 }),
    stages: fc.uniqueArray(fc.record({ name: word, script: fc.constant('FUNCTION') }), {
      selector: ({ name }) => name,
      minLength: 1,
      maxLength: 4,
    }),
  },
  { requiredKeys: ['name', 'stages'] },
);

describe('the builder', () => {
  test('gives the same definition as define, for whatever fields', async () => {
    await fc.assert(
      fc.asyncProperty(definitionParts, async (parts) => {
        const calls = Object.entries(parts).flatMap(([field, value]) => {
          if (field === 'inputs')
            return Object.entries(value).map(([k, v]) => `:input(${lua(k)}, ${lua(v)})`);
          if (field === 'env')
            return Object.entries(value).map(([k, v]) => `:env(${lua(k)}, ${lua(v)})`);
          const lists: Record<string, string> = {
            runner: 'tag',
            secrets: 'secret',
            stages: 'stage',
          };
          const method = lists[field];
          if (method === undefined) return [`:${field}(${lua(value)})`];
          return (value as unknown[]).map((item) => `:${method}(${lua(item)})`);
        });
        const built = await definitionOf(`return pipeline.builder()${calls.join('')}:build()`);
        expect(built).toEqual(await definitionOf(`return pipeline.define(${lua(parts)})`));
      }),
      { numRuns: 6 },
    );
  });
});

describe('patterns', () => {
  test('one that is taken never fails in Lua, and one that Lua refuses is not taken', async () => {
    const piece = fc.constantFrom(
      'a',
      '%',
      '[',
      ']',
      '(',
      ')',
      '^',
      '-',
      '%b',
      '%f',
      '1',
      '.',
      '$',
      '*',
    );
    const patterns = fc.sample(fc.array(piece, { maxLength: 8 }), { numRuns: 1500, seed: 7 });
    const questions = patterns.map((parts) => parts.join(''));
    const evaluated = await evaluatePipeline(
      engine,
      bundleOf(`return pipeline.define({ name = "a", ${GOOD_STAGES} })`),
      { modules },
    );
    if (!evaluated.ok) throw new Error('not valid');
    const { vm, matchAll } = evaluated;
    // Texts that let a match go far into most patterns.
    const texts = ['', 'a', 'aa1a', '[a](a)1', 'a]a)a1-.'];
    const asked = questions.flatMap((pattern) => texts.map((text) => [text, pattern]));
    const [answers] = await vm.call(matchAll, [asked], { branch: 'x' });
    await vm.close();
    const results = answers as (boolean | string)[];
    const taken = questions.filter((pattern) => luaPatternProblem(pattern) === undefined);
    expect(taken.length).toBeGreaterThan(100);
    for (const [index, pattern] of questions.entries()) {
      const own = results.slice(index * texts.length, (index + 1) * texts.length);
      const failure = own.find((result) => typeof result === 'string');
      if (failure !== undefined)
        expect([pattern, luaPatternProblem(pattern)]).not.toEqual([pattern, undefined]);
    }
  });
});
