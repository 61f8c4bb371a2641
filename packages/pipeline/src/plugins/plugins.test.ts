// Plugins in pipelines: which are collected, what they may use, what is said about a wrong one.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createLuaEngine, type LuaHost, type LuaModuleSpec } from '@rivet/lua';
import type { PipelineDefinition } from '@rivet/protocol';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readPipeline } from '../bundle/read-bundle.ts';
import { diffDefinitions } from '../definition/diff-definitions.ts';
import { checkPipeline, evaluatePipeline } from '../evaluation/evaluate-pipeline.ts';
import { renderIssues } from '../render-issues.ts';
import { findPlugins, type PluginPlace } from './find-plugins.ts';
import { mentionedPlugins } from './mentioned-plugins.ts';
import { versionMatches } from './plugin-version.ts';

const engine = createLuaEngine({ reuseProcesses: true });
afterAll(() => engine.close());

const modules: LuaModuleSpec[] = [
  { name: 'job', functions: ['id_token', 'summary'] },
  { name: 'log', functions: ['info', 'print'] },
  { name: 'process', functions: ['run'] },
  { name: 'secret', functions: ['get', 'has', 'file', 'env'] },
];

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rivet-plugins-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function put(path: string, text: string): Promise<string> {
  const full = join(root, path);
  await mkdir(dirname(full), { recursive: true });
  await writeFile(full, text);
  return full;
}

const places = (): PluginPlace[] => [
  { path: join(root, 'mine'), origin: 'path' },
  { path: join(root, 'shipped'), origin: 'installation' },
];

const pluginText = (name: string, functions: string, needs = '', version = '1.2.3'): string =>
  `return { name = "${name}", version = "${version}", description = "d", needs = { ${needs} },
    functions = { ${functions} } }`;

const pipelineText = (script: string, fields = 'plugins = { "hello" }'): string =>
  `return pipeline.define({ name = "a", ${fields},
    stages = { { name = "s", script = function() ${script} end } } })`;

async function checked(path: string) {
  const { bundle } = await readPipeline(path, places());
  const search = { folders: ['/here/plugins', '/there'], names: ['hello', 'git'] };
  return await checkPipeline(engine, bundle, { modules, pluginSearch: search });
}

async function definitionOf(path: string): Promise<PipelineDefinition> {
  const result = await checked(path);
  if (!result.ok) throw new Error(renderIssues(result.issues));
  return result.definition;
}

async function issuesOf(path: string): Promise<string[]> {
  const result = await checked(path);
  if (result.ok) throw new Error('it is valid');
  return result.issues.map(({ path: at, file, message, found, expected, nearest }) =>
    [file ?? '', at, message, found, expected, nearest && `did you mean ${nearest}?`]
      .filter((part) => part !== undefined)
      .join(' | '),
  );
}

/** What the script of the one stage returns, with the host calls it made. */
async function run(path: string): Promise<{ results: unknown; calls: string[] }> {
  const { bundle } = await readPipeline(path, places());
  const calls: string[] = [];
  const host: LuaHost = {
    call: async ({ name, args }) => {
      calls.push(`${name} ${JSON.stringify(args)}`);
      return ['done'];
    },
  };
  const evaluated = await evaluatePipeline(engine, bundle, { modules, host });
  if (!evaluated.ok) throw new Error(renderIssues(evaluated.issues));
  const { script } = evaluated.functions.stages.get('s')!;
  try {
    return { results: await evaluated.vm.call(script, [], { branch: 's' }), calls };
  } finally {
    await evaluated.vm.close();
  }
}

describe('collecting', () => {
  test('takes what is required, declared, or given to the builder, and nothing else', async () => {
    for (const name of ['one', 'two', 'three', 'four']) {
      await put(`shipped/${name}/plugin.lua`, pluginText(name, 'f = function() end'));
      await put(`shipped/${name}/tests/${name}_test.lua`, 'return 1');
    }
    const main = await put(
      'ci/p.lua',
      `local one = require("one")
       return pipeline.builder():name("a"):plugin("one"):plugin({ name = "two" })
         :stage({ name = "s", script = function() end }):build() -- plugins = { "four" }`,
    );
    const { bundle, plugins } = await readPipeline(main, places());
    expect(Object.keys(bundle.files)).toEqual([
      'p.lua',
      'plugins/one/plugin.lua',
      'plugins/two/plugin.lua',
    ]);
    expect(plugins.map(({ name, origin }) => `${name} ${origin}`)).toEqual([
      'one installation',
      'two installation',
    ]);
  });

  test('prefers the pipeline’s own, then earlier places, and says what is hidden', async () => {
    for (const place of ['ci/plugins', 'mine', 'shipped']) {
      await put(`${place}/hello/plugin.lua`, pluginText('hello', 'f = function() end'));
    }
    const main = await put('ci/p.lua', pipelineText(''));
    const { plugins } = await readPipeline(main, places());
    expect(plugins).toMatchObject([
      { origin: 'pipeline', hides: [join(root, 'mine/hello'), join(root, 'shipped/hello')] },
    ]);
    expect((await findPlugins(places())).map(({ folder }) => folder)).toEqual([
      join(root, 'mine/hello'),
    ]);
  });

  test('takes the files that a plugin requires from its own folder', async () => {
    await put(
      'shipped/hello/plugin.lua',
      `local x = require("lib.x") ${pluginText('hello', 'f = x')}`,
    );
    await put('shipped/hello/lib/x.lua', 'local y = require("y") return function() return y end');
    await put('shipped/hello/y/init.lua', 'return 42');
    await put('ci/y.lua', 'return 0');
    const main = await put('ci/p.lua', pipelineText('return require("hello").f()'));
    expect((await run(main)).results).toEqual([42]);
  });

  test('refuses a plugin file that is a link out of the plugin', async () => {
    await put('shipped/hello/plugin.lua', `require("x") ${pluginText('hello', 'f = 1')}`);
    await put('secret.lua', 'return 1');
    await symlink(join(root, 'secret.lua'), join(root, 'shipped/hello/x.lua'));
    const main = await put('ci/p.lua', pipelineText(''));
    await expect(readPipeline(main, places())).rejects.toMatchObject({
      code: 'RIVET_PIPELINE_FILE_OUTSIDE',
    });
  });

  test('finds names in the list of a definition and in calls of the builder', () => {
    const source = `plugins = { "a", { name = "b", version = "1.x" }, [[c]] }, other = { "d" }
      p:plugin("e"):plugin "f" :plugin({ name = "g" }) x.plugin("h")`;
    expect(mentionedPlugins(source)).toEqual(['a', 'b', 'c', 'e', 'f', 'g']);
  });
});

describe('a definition', () => {
  test('records path, version and digest, so that a change of the plugin shows', async () => {
    await put('shipped/hello/plugin.lua', pluginText('hello', 'f = function() end'));
    const main = await put('ci/p.lua', pipelineText(''));
    const before = await definitionOf(main);
    expect(before.plugins).toEqual([
      {
        name: 'hello',
        version: '1.2.3',
        path: 'plugins/hello',
        digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    ]);
    expect((await definitionOf(main)).plugins).toEqual(before.plugins);
    await put('shipped/hello/plugin.lua', pluginText('hello', 'f = function() end', '', '1.3.0'));
    const now = await definitionOf(main);
    expect(diffDefinitions(before, now)[0]).toBe(
      'plugins["hello"].version was "1.2.3" and is now "1.3.0"',
    );
  });

  test.each<[string, string, string]>([
    [
      'plugins = { "helo" }',
      '',
      ' | plugins[1] | there is no plugin "helo" | a plugin.lua in one of /here/plugins/helo, /there/helo | did you mean hello?',
    ],
    [
      'plugins = { { name = "hello", version = "2.x" } }',
      '',
      ' | plugins[1].version | the plugin "hello" has another version | 1.2.3 | 2.x',
    ],
    [
      'plugins = { { name = "hello", version = "new" } }',
      '',
      ' | plugins[1].version | version is not a version or a range of versions | "new" | a version such as "1.4.0", a range such as "1.x" or "1.4.x", or a lowest one such as ">=1.4"',
    ],
    ['plugins = { "hello", "hello" }', '', ' | plugins[2] | the plugin "hello" is there twice'],
    [
      'timeout = 5',
      'require("hello")',
      ' | plugins | p.lua requires the plugin "hello", which the pipeline does not declare | plugins = { "hello" }',
    ],
    [
      'plugins = { "hello", "keys" }',
      '',
      ' | secrets | the plugin "keys" needs secrets that the pipeline does not declare | KEY | secrets = { "KEY" }',
    ],
    [
      'plugins = { "own" }',
      '',
      ' | plugins[1] | the pipeline’s own own.lua hides the plugin "own" | another name for the file: require would load it in place of the plugin',
    ],
  ])('with %s and the script %j is told why it is wrong', async (fields, script, expected) => {
    await put('shipped/hello/plugin.lua', pluginText('hello', 'f = function() end'));
    await put('shipped/own/plugin.lua', pluginText('own', 'f = function() end'));
    const keys = pluginText('keys', 'f = function() end', 'secrets = { "KEY" }');
    await put('shipped/keys/plugin.lua', keys);
    await put('ci/own.lua', 'return 1');
    const main = await put('ci/p.lua', `require("own") ${pipelineText(script, fields)}`);
    expect((await issuesOf(main)).map((issue) => issue.replace(/^p\.lua/, ''))).toEqual([expected]);
  });

  test.each<[string, string]>([
    ['return 5', 'the plugin "hello" returns no table | number'],
    ['return nil', 'the plugin "hello" returns no table | nil'],
    [
      pluginText('hallo', 'f = function() end'),
      'name | the plugin "hello" has another name | "hallo" | "hello", as its folder is called',
    ],
    [pluginText('hello', 'f = 1'), 'functions.f | f is not a function | a number | a function'],
    [pluginText('hello', ''), 'functions | functions is not a table of functions'],
    [
      pluginText('hello', 'f = print', '', '1.2'),
      'version | version is not a version | "1.2" | a version of three numbers such as "1.4.0"',
    ],
    [
      pluginText('hello', 'f = print', 'modules = { "proces" }'),
      'needs.modules[1] | modules[1] is not a known choice | "proces" | one of "job", "log", "process", "secret" | did you mean process?',
    ],
    [
      pluginText('hello', 'f = print', 'image = "x"'),
      'needs.image | unknown field "image" | one of modules, images, secrets | did you mean images?',
    ],
    ['return { name = ', 'unexpected symbol near <eof>'],
    ['error("boom")', 'boom'],
    [
      'process.run({ "ls" }) return {}',
      'a plugin cannot call modules while it is loaded, only in its functions',
    ],
  ])('with the plugin %j is told why the plugin is wrong', async (text, expected) => {
    await put('shipped/hello/plugin.lua', text);
    const main = await put('ci/p.lua', `local h = require("hello") ${pipelineText('h.f()')}`);
    const [first, ...others] = await issuesOf(main);
    expect(first).toContain(expected);
    expect(first).toMatch(/^plugins\/hello\/plugin\.lua \| /);
    expect(others).toEqual([]);
  });
});

describe('a plugin', () => {
  const needs = 'modules = { "process", "secret", "log", "job" }, secrets = { "OWN" }';
  const outcome = async (body: string, script = 'return require("hello").f()') => {
    const text = pluginText(
      'hello',
      `f = function(...) ${body} end`,
      needs.replace('"log"', '"log"'),
    );
    await put('shipped/hello/plugin.lua', `local process = process ${text}`);
    const fields = 'plugins = { "hello" }, secrets = { "OWN", "OTHER" }';
    return await run(await put('ci/p.lua', pipelineText(script, fields)));
  };

  test('calls the modules that it declares', async () => {
    const { results, calls } = await outcome('return process.run({ "ls" })');
    expect(results).toEqual(['done']);
    expect(calls).toEqual(['process.run [["ls"]]']);
  });

  test('cannot use a module that it does not declare, by any way', async () => {
    const text = pluginText(
      'hello',
      `f = function() return pipeline, _G.pipeline, rawget(_G, "process"),
      load("return process, pipeline"), _ENV.pipeline end, g = function() return log end,
      h = function() return load("return log")() end, i = function() return _G.log end`,
    );
    await put('shipped/hello/plugin.lua', text);
    const script = `local h = require("hello") local a, b, c, d, e = h.f()
      return a == nil and b == nil and c == nil and e == nil and pcall(d) == false,
        select(2, pcall(h.g)), select(2, pcall(h.h)), select(2, pcall(h.i))`;
    const { results } = await run(await put('ci/p.lua', pipelineText(script)));
    const [absent, ...errors] = results as [boolean, ...string[]];
    expect(absent).toBe(true);
    for (const error of errors) {
      expect(error).toContain('the plugin "hello" uses the module log without declaring it');
    }
  });

  test('reads only the secrets that it declares', async () => {
    expect((await outcome('return secret.get("OWN")')).calls).toEqual(['secret.get ["OWN"]']);
    for (const call of ['get("OTHER")', 'has("OTHER")', 'file("OTHER")', 'env({ A = "OTHER" })']) {
      await expect(outcome(`return secret.${call}`)).rejects.toThrow(
        'the plugin "hello" reads the secret "OTHER" without declaring it',
      );
    }
    await expect(outcome('secret.get = nil')).rejects.toThrow(
      'the module secret cannot be changed',
    );
  });

  test('is given identity tokens and asks for none itself', async () => {
    expect((await outcome('return job.summary("x")')).calls).toEqual(['job.summary ["x"]']);
    for (const body of ['return job.id_token("a")', 'local f = job.id_token return f("a")']) {
      await expect(outcome(body)).rejects.toThrow(
        'the plugin "hello" asks for an identity token; expected it as an option that the pipeline gives',
      );
    }
    await expect(outcome('job.id_token = nil')).rejects.toThrow('the module job cannot be changed');
  });

  test('shares no globals with the pipeline, and cannot be changed by it', async () => {
    const script = `local h = require("hello") x = 1 local before = h.f()
      return before, x, select(2, pcall(function() h.f = nil end)), select(2, pcall(function() return h.ff() end))`;
    const { results } = await outcome('local old = x x = 2 return old == nil', script);
    expect(results).toEqual([
      true,
      1,
      expect.stringContaining('the plugin "hello" cannot be changed'),
      expect.stringContaining('the plugin "hello" has no function ff'),
    ]);
  });

  test('loads neither another plugin nor files of the pipeline', async () => {
    await put('shipped/other/plugin.lua', pluginText('other', 'f = function() end'));
    await put('ci/lib.lua', 'return 1');
    for (const name of ['other', 'lib', 'hello', '../hello']) {
      await expect(outcome(`return require("${name}")`)).rejects.toThrow(/plugin/);
    }
  });

  test('cannot declare one thing and get another through a metatable', async () => {
    await put(
      'shipped/hello/plugin.lua',
      `local asked = 0
       local sly = setmetatable({}, { __index = function(_, key)
         asked = asked + 1
         return ({ { "log" }, { "_G", "process", "pipeline" } })[asked % 2 + 1]
       end, __pairs = function() return next, { "process" } end, __len = function() return 1 end })
       return { name = "hello", version = "1.0.0", needs = setmetatable({}, { __index = sly }),
         functions = { f = function() return process.run({ "ls" }), _G.pipeline end } }`,
    );
    const main = await put('ci/p.lua', pipelineText('return require("hello").f()'));
    await expect(run(main)).rejects.toThrow('uses the module process without declaring it');
  });

  test('says the same mistake each time a file of it is required', async () => {
    await put('shipped/hello/lib.lua', 'error("boom")');
    const text = pluginText('hello', 'f = function() require("lib") end');
    await put('shipped/hello/plugin.lua', text);
    const script = 'local h = require("hello") pcall(h.f) return select(2, pcall(h.f))';
    const { results } = await run(await put('ci/p.lua', pipelineText(script)));
    expect(results).toEqual(['plugins/hello/lib.lua:1: boom']);
  });

  test('is not loaded by its path', async () => {
    await expect(outcome('', 'require("plugins.hello.plugin")')).rejects.toThrow(
      'a plugin is loaded by its name: require("hello")',
    );
  });

  test('checks options at the line of the pipeline that gave them', async () => {
    const check =
      'return plugin.options("hello.f", ..., { url = "text", depth = "integer?", on = "bool?" }).url';
    expect((await outcome(check, 'return require("hello").f({ url = "u" })')).results).toEqual([
      'u',
    ]);
    const wrong: [string, string][] = [
      ['{}', 'hello.f: url is missing; expected text'],
      ['{ url = 1 }', 'hello.f: url is 1; expected text'],
      ['{ url = "u", dept = 1 }', 'hello.f: unknown option "dept"; did you mean "depth"?'],
      ['{ url = "u", depth = 1.5 }', 'hello.f: depth is 1.5; expected a whole number above 0'],
      ['{ url = "u", on = "yes" }', 'hello.f: on is "yes"; expected true or false'],
      ['"u"', 'hello.f takes a table of options (depth, on, url), not "u"'],
    ];
    for (const [given, message] of wrong) {
      await expect(
        outcome(check, `local url = require("hello").f(${given}) return url`),
      ).rejects.toMatchObject({
        details: { position: { file: 'p.lua' } },
        message: expect.stringContaining(message),
      });
    }
  });
});

describe('require', () => {
  test('says where it looked, and what may have been meant', async () => {
    await put('shipped/hello/plugin.lua', pluginText('hello', 'f = function() end'));
    await put('ci/lib/build.lua', 'return 1');
    const start = 'require("lib.build") require("hello") ';
    const main = await put('ci/p.lua', `${start} require("lib.biuld") ${pipelineText('')}`);
    expect(await issuesOf(main)).toEqual([
      'p.lua |  | require("lib.biuld"): there is no lib/biuld.lua and no lib/biuld/init.lua beside p.lua; did you mean "lib.build"?',
    ]);
    const other = await put('ci/p.lua', `${start} require("zzz") ${pipelineText('')}`);
    expect(await issuesOf(other)).toEqual([
      'p.lua |  | require("zzz"): there is no zzz.lua and no zzz/init.lua beside p.lua, and no plugin "zzz"; there are: lib.build, hello',
    ]);
  });

  test('loads nested files once, and reports a circle', async () => {
    await put('ci/a.lua', 'n = (n or 0) + 1 return { b = require("b.c"), n = n }');
    await put('ci/b/c.lua', 'return { init = require("d") }');
    await put('ci/d/init.lua', 'return "d"');
    const main = await put(
      'ci/p.lua',
      `local a, again = require("a"), require("a")
      return pipeline.define({ name = a.b.init .. again.n, stages = { { name = "s", script = function() end } } })`,
    );
    expect((await definitionOf(main)).name).toBe('d1');
    await put('ci/d/init.lua', 'return require("a")');
    expect((await issuesOf(main))[0]).toContain(
      'require("a"): the files require each other: a.lua → b/c.lua → d/init.lua → a.lua',
    );
  });
});

test.each<[string, string, boolean | undefined]>([
  ['1.4.0', '1.4.0', true],
  ['1.4.0', '1.4.1', false],
  ['1.4.0', '1.x', true],
  ['10.4.0', '1.x', false],
  ['1.4.9', '1.4.x', true],
  ['1.4.0', '>=1.4', true],
  ['1.3.9', '>=1.4', false],
  ['2.0.0', '>= 1.4.2', true],
  ['1.4.0-rc1', '>=1.4', false],
  ['1.4.0', 'latest', undefined],
  ['1.4.0', '>=x', undefined],
  ['1.4.0', '1..x', undefined],
])('whether version %s is one of %s: %s', (version, constraint, expected) => {
  expect(versionMatches(version, constraint)).toBe(expected);
});
