// Inputs of a launch: rules, patterns and the pipeline's own validators.
import { createLuaEngine, type LuaEngine } from '@rivet/lua';
import type { PipelineBundle } from '@rivet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkPipeline } from '../evaluation/evaluate-pipeline.ts';
import { type InputCheck, maskSecretInputs, missingInputs } from './check-inputs.ts';
import { createInputChecker, type InputChecker } from './input-checker.ts';
import { inputsInvalid } from './input-issues.ts';

const SOURCE = `
local function version(v)
  if v == "loop" then while true do end end
  if v == "raise" then error("no such version") end
  if v == "nothing" then return end
  return v:match("^%d+%.%d+$") ~= nil, "want X.Y"
end
return pipeline.define({
  name = "build",
  inputs = {
    branch = { type = "string", default = "main", pattern = "^[%w/._-]+$" },
    level = { type = "string", options = { "debug", "release" } },
    jobs = { type = "number", default = 4, min = 1, max = 64, integer = true },
    verbose = { type = "bool", required = false },
    targets = { type = "list", items = { type = "string", pattern = "^%l+$" }, default = { "linux" }, min_items = 1 },
    token = { type = "string", secret = true, required = false, pattern = "^tok%-",
      validate = function(v) return v ~= "tok-quoted", v .. " is no token" end },
    version = { type = "string", validate = version },
    constructor = { type = "string", required = false },
    region = { type = "string", default = "eu", options = { "eu", "us" } },
    zone = { type = "string", default = "eu-1", options = function(inputs)
      if inputs.level == "loop" then while true do end end
      if inputs.branch == "raise" then error("no zones today") end
      if inputs.branch == "none" then return {} end
      if inputs.branch == "number" then return { 1 } end
      if inputs.branch == "text" then return "eu-1" end
      assert(inputs.token == nil and inputs.later == nil)
      return { inputs.region .. "-1", inputs.region .. "-2" }
    end },
    later = { type = "number", required = false, options = function() return { 1, 2 } end },
  },
  stages = { { name = "x", script = function() end } },
})`;
const bundle: PipelineBundle = { main: 'pipeline.lua', files: { 'pipeline.lua': SOURCE } };
const good = { level: 'debug', version: '1.2' };

let engine: LuaEngine;
let checker: InputChecker;
let definition: Parameters<typeof createInputChecker>[2];

beforeAll(async () => {
  engine = createLuaEngine();
  const checked = await checkPipeline(engine, bundle, { modules: [] });
  if (!checked.ok) throw new Error(JSON.stringify(checked.issues));
  definition = checked.definition;
  checker = createInputChecker(engine, bundle, definition, { modules: [] });
});
afterAll(async () => {
  await checker.close();
  await checker.close();
  await engine.close();
});

function said(check: InputCheck): string[] {
  return check.ok ? [] : check.issues.map(({ path, message }) => `${path}: ${message}`);
}

describe('good values', () => {
  test('come back with the defaults filled in and their types kept', async () => {
    expect(await checker.check({ ...good, verbose: false, token: 'tok-1' })).toEqual({
      ok: true,
      values: {
        branch: 'main',
        level: 'debug',
        jobs: 4,
        verbose: false,
        targets: ['linux'],
        token: 'tok-1',
        version: '1.2',
        region: 'eu',
        zone: 'eu-1',
      },
    });
  });

  test('may have the name of something of the prototype', async () => {
    const check = await checker.check({ ...good, constructor: 'x' });
    expect(check).toMatchObject({ ok: true, values: { constructor: 'x' } });
    const without = await checker.check(good);
    expect(without.ok && Object.hasOwn(without.values, 'constructor')).toBe(false);
  });
});

describe('wrong values', () => {
  test('are all told at once, the missing and the unknown among them', async () => {
    const check = await checker.check({
      brnach: 'x',
      branch: 'a b',
      jobs: 1.5,
      verbose: 'yes',
      targets: ['linux', 'OS2', 3],
      version: '7',
    });
    expect(said(check)).toEqual([
      'inputs.brnach: the pipeline "build" has no input "brnach"',
      'inputs.branch: the input "branch" does not match the pattern',
      'inputs.level: the input "level" is required and has no value',
      'inputs.jobs: the input "jobs" is not a whole number',
      'inputs.verbose: the input "verbose" is not true or false',
      'inputs.targets[3]: item 3 of the input "targets" is not text',
      'inputs.version: the input "version" is refused by the pipeline: want X.Y',
    ]);
    expect(check).toMatchObject({ missing: ['level'] });
    expect(!check.ok && check.issues[0]?.nearest).toBe('branch');
  });

  test.each<[unknown, string]>([
    [
      { ...good, targets: ['linux', 'OS2'] },
      'inputs.targets[2]: item 2 of the input "targets" does not match the pattern',
    ],
    [{ ...good, targets: [] }, 'inputs.targets: the input "targets" has too few items'],
    [{ ...good, targets: 'linux' }, 'inputs.targets: the input "targets" is not a list'],
    [{ ...good, level: 'relaese' }, 'inputs.level: the input "level" is none of the options'],
    [{ ...good, level: null }, 'inputs.level: the input "level" is not text'],
    [{ ...good, jobs: 65 }, 'inputs.jobs: the input "jobs" is too large'],
    [{ ...good, jobs: '4' }, 'inputs.jobs: the input "jobs" is not a number'],
    [{ ...good, jobs: Number.NaN }, 'inputs.jobs: the input "jobs" is not finite'],
    [{ ...good, branch: 'a\0' }, 'inputs.branch: the input "branch" has a zero byte'],
    [
      { ...good, branch: 'x'.repeat(70_000) },
      'inputs.branch: the input "branch" is too long (70000 bytes)',
    ],
    [
      { ...good, version: 'raise' },
      'inputs.version: the input "version" could not be checked by its validate function: no such version',
    ],
    [
      JSON.parse('{"level":"debug","version":"1.2","__proto__":1}'),
      'inputs.__proto__: the pipeline "build" has no input "__proto__"',
    ],
    [['level'], 'inputs: the inputs are not a table'],
    [null, 'inputs: the inputs are not a table'],
    ['x', 'inputs: the inputs are not a table'],
  ])('%j', async (values, message) => {
    expect(said(await checker.check(values))).toEqual([message]);
  });

  test('a validate function that never ends is told, and the next question is answered', async () => {
    const [slow] = said(await checker.check({ ...good, version: 'loop' }));
    expect(slow).toMatch(/could not be checked by its validate function: .*computed for more/);
    expect(said(await checker.check(good))).toEqual([]);
  });

  test('a validate function that returns nothing is told as the slip it is', async () => {
    const [message] = said(await checker.check({ ...good, version: 'nothing' }));
    expect(message).toContain('its validate function returned nothing; expected true');
  });

  test('the value of a secret is in no issue', async () => {
    const check = await checker.check({ ...good, token: 'hunter2' });
    expect(said(check)).toEqual(['inputs.token: the input "token" does not match the pattern']);
    expect(JSON.stringify(check)).not.toContain('hunter2');
    expect(said(await checker.check({ ...good, token: 'tok-quoted' }))).toEqual([
      'inputs.token: the input "token" is refused by the pipeline: *** is no token',
    ]);
  });

  test('a million unknown names are not all listed', async () => {
    const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`x${n}`, 1]));
    expect(said(await checker.check({ ...good, ...many }))).toHaveLength(201);
  });
});

describe('options that follow from other inputs', () => {
  test('are those of the values before', async () => {
    const us = { ...good, region: 'us' };
    expect(await checker.check({ ...us, zone: 'us-2', later: 2 })).toMatchObject({ ok: true });
    expect(said(await checker.check({ ...us, zone: 'eu-2' }))).toEqual([
      'inputs.zone: the input "zone" is none of the options',
    ]);
    expect(said(await checker.check({ ...good, later: 3 }))).toEqual([
      'inputs.later: the input "later" is none of the options',
    ]);
  });

  test('are asked for a default too, which may not be among them', async () => {
    const check = await checker.check({ ...good, region: 'us' });
    expect(check).toMatchObject({
      issues: [{ path: 'inputs.zone', found: '"eu-1"', expected: 'one of "us-1", "us-2"' }],
    });
  });

  test.each([
    ['raise', 'has options that could not be asked: no zones today'],
    ['none', 'has no options for the values of the inputs before it'],
    ['number', 'has an options function that returned what cannot be a value'],
    ['text', 'has an options function that returned no list'],
  ])('that cannot be had are a mistake: %s', async (branch, problem) => {
    expect(said(await checker.check({ ...good, branch }))).toEqual([
      `inputs.zone: the input "zone" ${problem}`,
    ]);
  });

  test('are given to a prompt', async () => {
    const zone = definition.inputs.find(({ name }) => name === 'zone')!;
    expect(zone).toMatchObject({ has_options: true });
    const resolved = await checker.resolve(zone, { region: 'us' });
    expect(resolved.options).toEqual(['us-1', 'us-2']);
    expect(await checker.checkOne('zone', 'us-1', { region: 'us' })).toBeUndefined();
    await expect(checker.resolve(zone, { branch: 'none' })).rejects.toMatchObject({
      code: 'RIVET_INPUT_INVALID',
    });
  });

  test('are not for secrets, which nobody may be shown', async () => {
    const source = SOURCE.replace('secret = true,', 'secret = true, options = function() end,');
    const files = { 'pipeline.lua': source };
    const checked = await checkPipeline(engine, { ...bundle, files }, { modules: [] });
    expect(checked).toMatchObject({ ok: false, issues: [{ path: 'inputs.token.options' }] });
  });
});

describe('one value, for a prompt', () => {
  test('is held against all its rules', async () => {
    expect(await checker.checkOne('version', '1.2', {})).toBeUndefined();
    expect(await checker.checkOne('version', '1', {})).toMatchObject({ path: 'inputs.version' });
    expect(await checker.checkOne('jobs', 0, {})).toMatchObject({ expected: 'at least 1' });
    expect(await checker.checkOne('jbos', 0, {})).toMatchObject({ nearest: 'jobs' });
  });
});

test('no process is started for values that need no Lua', async () => {
  const never = {
    open: () => Promise.reject(new Error('opened')),
    close: async () => {},
  } satisfies LuaEngine;
  const plain = { ...definition, inputs: definition.inputs.filter(({ name }) => name === 'jobs') };
  const lazy = createInputChecker(never, bundle, plain, { modules: [] });
  expect(await lazy.check({ jobs: 8 })).toEqual({ ok: true, values: { jobs: 8 } });
  await lazy.close();
});

test('a bundle that no longer evaluates is an error that says so', async () => {
  const broken = { main: 'pipeline.lua', files: { 'pipeline.lua': 'return' } };
  const stale = createInputChecker(engine, broken, definition, { modules: [] });
  await expect(stale.check(good)).rejects.toMatchObject({ code: 'RIVET_PIPELINE_INVALID' });
});

test('missing inputs are the required ones without a value, in the order of the file', () => {
  expect(missingInputs(definition, {}).map(({ name }) => name)).toEqual(['level', 'version']);
  expect(missingInputs(definition, { level: 'debug' }).map(({ name }) => name)).toEqual([
    'version',
  ]);
});

test('secret values are masked', () => {
  expect(maskSecretInputs(definition, { token: 'tok-1', level: 'debug' })).toEqual({
    token: '***',
    level: 'debug',
  });
});

test('the error has a code of its own when values are only missing', async () => {
  const missing = await checker.check({});
  const invalid = await checker.check({ jobs: 0 });
  if (missing.ok || invalid.ok) throw new Error('taken');
  expect(inputsInvalid(missing)).toMatchObject({
    code: 'RIVET_INPUT_MISSING',
    message: 'these inputs are required and have no value: level, version',
  });
  expect(inputsInvalid(invalid)).toMatchObject({ code: 'RIVET_INPUT_INVALID' });
  expect(inputsInvalid(invalid).message).toContain('3 mistakes, the first: the input "level"');
});
