// What the linter says and what it leaves alone, rule by rule.

import { readdirSync, readFileSync } from 'node:fs';
import { createLuaEngine, type LuaEngine, type LuaModuleSpec } from '@rivet/lua';
import type { PipelineDefinition } from '@rivet/protocol';
import { processorMsOf } from '@rivet/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readBundle } from '../bundle/read-bundle.ts';
import { checkPipeline } from '../evaluation/evaluate-pipeline.ts';
import { lintBundle, lintRuleNames } from './lint-bundle.ts';
import { type LuaSurface, readLuaSurface } from './lua-surface.ts';
import { renderWarnings } from './render-warnings.ts';

/** The shape of the engine's modules, which this package does not know. */
const modules: LuaModuleSpec[] = [
  { name: 'process', functions: ['run', 'sh', 'spawn', 'parallel'] },
  { name: 'container', functions: ['with', 'pull'] },
  { name: 'input', functions: ['get', 'require', 'has', 'all', 'keys'] },
  { name: 'output', functions: ['set', 'get'] },
  { name: 'secret', functions: ['get', 'has', 'env', 'file'] },
  { name: 'json', functions: ['encode', 'decode'] },
  { name: 'fs', functions: ['read', 'write'] },
  { name: 'yaml', functions: ['encode', 'decode'] },
  { name: 'log', functions: ['info', 'print', 'group'] },
  { name: 'job', functions: ['id_token'], fields: { id: null, attempt: null } },
];
const globals = { print: 'log.print' };

let engine: LuaEngine;
let surface: LuaSurface;
beforeAll(async () => {
  engine = createLuaEngine({ reuseProcesses: true });
  surface = await readLuaSurface(engine, { modules, globals });
});
afterAll(() => engine.close());

/** What is said about a stage with this script, each as `rule line:column message`. */
async function said(source: string, options: { whole?: boolean } = {}): Promise<string[]> {
  const file = options.whole === true ? source : inStage(source);
  const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': file } };
  const checked = await checkPipeline(engine, bundle, { modules, globals });
  const definition = checked.ok ? checked.definition : undefined;
  return lintBundle(bundle, { surface, definition }).map(
    ({ rule, line, column, message }) => `${rule} ${line}:${column ?? ''} ${message}`,
  );
}

const BEFORE = `return pipeline.define({ name = "p", secrets = { "NPM_TOKEN" },
  inputs = { branch = { type = "string" }, jobs = { type = "number" },
    level = { type = "string", options = { "a", "b" } } },
  stages = { { name = "s", script = function()
`;
const inStage = (script: string): string => `${BEFORE}${script}\nend } } })`;

const nobodyLooks =
  'nobody looks at the exit code of this command: when it fails, the stage goes on';
const spliced = 'this value becomes part of the script: the shell runs whatever it says';

const found: readonly [script: string, warnings: string[]][] = [
  ['process.run({ "make" })', [`unused-result 5:1 ${nobodyLooks}`]],
  ['process.run { "make", check = false }', [`unused-result 5:1 ${nobodyLooks}`]],
  [
    'local r = process.run({ "make" })\nprint(r.stdout)',
    ['unused-result 5:11 "r" keeps the result of this command, but nobody looks at its exit code'],
  ],
  [
    'local ok, r = true, process.run({ "make" })',
    ['unused-result 5:21 "r" keeps the result of this command, but nobody looks at its exit code'],
  ],
  ['log.info(undefined)', ['unknown-global 5:10 nothing is called "undefined" here: it is nil']],
  [
    'do local x = 1; print(x) end\nprint(x)',
    ['unknown-global 6:7 nothing is called "x" here: it is nil'],
  ],
  ['local x = x', ['unknown-global 5:11 nothing is called "x" here: it is nil']],
  [
    'repeat local done = true until done\nprint(done)',
    ['unknown-global 6:7 nothing is called "done" here: it is nil'],
  ],
  [
    'for i = 1, 2 do print(i) end print(i)',
    ['unknown-global 5:36 nothing is called "i" here: it is nil'],
  ],
  ['local s = "größe €" .. foo', ['unknown-global 5:24 nothing is called "foo" here: it is nil']],
  [
    'print(("x"):rep(3), jsn.encode({}))',
    ['unknown-global 5:21 nothing is called "jsn" here: it is nil'],
  ],
  ['process.rn({ "make" })', ['unknown-member 5:9 the module "process" has no "rn"']],
  ['print(job.idd, job.id)', ['unknown-member 5:11 the module "job" has no "idd"']],
  [
    'print(string.dump, string.trim)',
    [
      'unknown-member 5:14 the module "string" has no "dump"',
      'unknown-member 5:27 the module "string" has no "trim"',
    ],
  ],
  [
    'count = 1',
    [
      'global-assignment 5:1 "count" is a global variable: stages that run at the same time share it',
    ],
  ],
  [
    'function build() end build()',
    [
      'global-assignment 5:10 "build" is a global variable: stages that run at the same time share it',
    ],
  ],
  ['local log = "text"', ['shadowed-module 5:7 this "log" hides the module "log" from here on']],
  [
    'local f = function(process, ...) return process, ... end f()',
    ['shadowed-module 5:20 this "process" hides the module "process" from here on'],
  ],
  [
    'for _, input in ipairs({}) do print(input) end',
    ['shadowed-module 5:8 this "input" hides the module "input" from here on'],
  ],
  [
    'print(input.get("brnch"))',
    ['undeclared-input 5:17 the pipeline has no input "brnch": nobody can ever give it'],
  ],
  [
    'secret.get("NPM_TOKN")',
    ['undeclared-secret 5:12 the secret "NPM_TOKN" is used but not declared: reading it will fail'],
  ],
  [
    'process.sh("x", { env = secret.env({ A = "OTHER", B = "NPM_TOKEN" }) })',
    ['undeclared-secret 5:42 the secret "OTHER" is used but not declared: reading it will fail'],
  ],
  [
    'job.id_token("sts.example.com")',
    [
      'undeclared-id-token 5:14 the audience "sts.example.com" is not declared: its token will be refused',
    ],
  ],
  [
    'container.with("rust", function() end)',
    ['unpinned-image 5:16 the image "rust" has no tag or digest: what it is can change any day'],
  ],
  [
    'container.with({ image = "localhost:5000/a/b", network = "none" }, function() end)',
    [
      'unpinned-image 5:26 the image "localhost:5000/a/b" has no tag or digest: what it is can change any day',
    ],
  ],
  [
    'process.run({ "cargo build", check = true })',
    [
      'one-word-command 5:15 there is no program called "cargo build": a command is its name and its arguments, apart',
    ],
  ],
  [
    'process.spawn({ cmd = "npm start" })',
    [
      'one-word-command 5:23 there is no program called "npm start": a command is its name and its arguments, apart',
    ],
  ],
  ['process.sh("git checkout " .. input.get("branch"))', [`spliced-shell 5:31 ${spliced}`]],
  [
    'local b = input.require("branch")\nprocess.sh(("git checkout %s"):format(b))',
    [`spliced-shell 6:39 ${spliced}`],
  ],
];

const silent: readonly string[] = [
  'process.run({ "make", check = true })',
  'local r = process.run({ "make" })\nif r.exit_code ~= 0 then error("no") end',
  'local r = process.run({ "make" })\nassert(r.signal == nil)',
  'return process.run({ "make" })',
  'print(process.run({ "make" }).exit_code)',
  'local options = { "make" }\nprocess.run(options)',
  'local r = process.run({ "make" })\noutput.set("r", r)',
  'local process = process\nprocess.run({ "make" })',
  'process.sh("make")',
  'local function loop(n) if n > 0 then loop(n - 1) end end loop(3)',
  'local t = {} function t:method() return self end print(t:method(), t.anything.at.all)',
  'print(_G, _VERSION, _ENV, ("x"):upper(), utf8.char(8364), os.getenv("HOME"), job.attempt)',
  'local x <const> = 1',
  'goto done; ::done::',
  'print(input.get(tostring(1)), input.get("branch"), input.all().anything)',
  'local name = "dynamic"\nsecret.get(name)',
  'container.with("rust:1.90", function() end)',
  'container.with("rust@sha256:0000000000000000000000000000000000000000000000000000000000000000", print)',
  'container.with("Not An Image", print)',
  'process.run({ "echo", "two words", check = true })',
  'process.run({ "my program", args = { "x" }, check = true })',
  'process.sh("make -j" .. input.get("jobs") .. " " .. input.get("level"))',
  'process.sh("git checkout \\"$BRANCH\\"", { env = { BRANCH = input.get("branch") } })',
  'process.run({ "make" }) -- rivet: ignore unused-result',
  '-- rivet: ignore unused-result, one-word-command\nprocess.run({ "make all" })',
  '-- rivet: ignore-file unused-result\n\nprocess.run({ "make" })\nprocess.run({ "make" })',
  '--[[ rivet: ignore unused-result ]] process.run({ "make" })',
  `local n = 1${' + 1'.repeat(5000)}`,
];

describe('the linter', () => {
  test.each(found)('finds what is wrong in: %s', async (script, warnings) => {
    expect(await said(script)).toEqual(warnings);
  });

  test.each(silent)('says nothing about: %s', async (script) => {
    const unexpected = (await said(script)).filter((text) => !text.startsWith('global-'));
    // `local x <const>` is Lua 5.4: the definition's own check says so.
    expect(unexpected).toEqual([]);
  });

  test.each([
    ['function() return false end', 1],
    ['function() return nil end', 1],
    ['function() return end', 1],
    ['function() end', 1],
    ['function() print("x") end', 1],
    ['function() return not true end', 1],
    ['function() return false and input.has("x") end', 1],
    ['function() return true end', 0],
    ['function() if job.attempt then return true end end', 0],
    ['decide', 0],
  ])('sees whether the condition %s can be true', async (condition, count) => {
    const source = `local function decide() return job.attempt == 1 end
return pipeline.define({ name = "p", stages = {
  { name = "s", condition = ${condition}, script = function() end } } }), decide`;
    const warnings = (await said(source, { whole: true })).filter((text) =>
      text.startsWith('unreachable-stage'),
    );
    expect(warnings).toHaveLength(count);
  });

  test('looks at every file of the bundle but those of plugins, and knows their globals', () => {
    const files = {
      'pipeline.lua': 'shared()',
      'ci/lib.lua': 'function shared() end\nnothing()',
      'plugins/git/plugin.lua': 'nobody()',
    };
    const warnings = lintBundle(
      { main: 'pipeline.lua', files },
      { surface, definition: undefined },
    );
    expect(warnings.map(({ rule, file }) => `${file} ${rule}`)).toEqual([
      'ci/lib.lua global-assignment',
      'ci/lib.lua unknown-global',
    ]);
  });

  test('names the nearest known name and shows the place', async () => {
    const source = 'local function f()\n\treturn prcess\nend';
    const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': source } };
    expect(renderWarnings(lintBundle(bundle, { surface, definition: undefined }))).toBe(
      `warning: nothing is called "prcess" here: it is nil [unknown-global]
  --> pipeline.lua:2:9
    |
  2 |   return prcess
    |          ^
  did you mean "process"?
  define it, or correct the name`,
    );
  });

  test.each([
    ['-- rivet: ignore unused-reslt', 'there is no rule "unused-reslt"'],
    ['-- rivet: ignore', 'the comment names no rule to ignore'],
    ['-- rivet: ignroe unused-result', '"ignroe" is nothing that a rivet comment can say'],
  ])('says what is wrong with the comment %s', async (comment, message) => {
    expect(await said(comment)).toEqual([`unknown-silence 5: ${message}`]);
  });

  test('leaves files with syntax errors, and bytes of any kind, to the check', () => {
    for (const text of ['x = = 1', '\u0000\u0001', '\uFEFF', '#!shebang', '', '('.repeat(5000)]) {
      const bundle = { main: 'a.lua', files: { 'a.lua': text } };
      expect(lintBundle(bundle, { surface, definition: undefined })).toEqual([]);
    }
  });

  test('has a section in docs/lint.md for each rule', () => {
    const page = readFileSync(new URL('../../../../docs/lint.md', import.meta.url), 'utf8');
    const headings = [...page.matchAll(/^## `([a-z-]+)`$/gm)].map(([, name]) => name);
    expect(headings).toEqual([...lintRuleNames]);
  });
});

describe('the examples', () => {
  const examples = new URL('../../../../examples/', import.meta.url).pathname;

  test.each(readdirSync(examples))('%s has nothing to be warned of', async (name) => {
    const bundle = await readBundle(`${examples}/${name}/pipeline.lua`);
    const definition: PipelineDefinition | undefined = undefined;
    const warnings = lintBundle(bundle, { surface, definition }).filter(
      // The modules above are fewer than the engine's.
      ({ rule }) => rule !== 'unknown-member' && rule !== 'unknown-global',
    );
    expect(renderWarnings(warnings)).toBe('');
  });
});

test('a line with very many comments takes no time that grows with their square', async () => {
  const source = `return 1 ${'--[[]] '.repeat(30_000)}`;
  const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': source } };
  const lint = () => expect(lintBundle(bundle, { surface, definition: undefined })).toEqual([]);
  expect(await processorMsOf(lint)).toBeLessThan(5000);
});
