// `rivet plugin new`, `list` and `test`, and plugins in `rivet check`, without a server or Podman.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cli } from '../../testing/run-cli.ts';

// A test starts the program several times, and each of them Lua processes: slow on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-plugin-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function put(path: string, text: string): Promise<void> {
  const file = join(directory, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

const run = (...args: string[]) => cli(...args).in(directory);

const pluginText = (name: string, version: string): string =>
  `return { name = "${name}", version = "${version}", functions = { f = function() end } }`;

const PIPELINE = `local hello = require("hello")
return pipeline.define({ name = "a", plugins = { "hello" },
  stages = { { name = "s", script = function() hello.f() end } } })`;

describe('rivet plugin new', () => {
  it('writes a plugin that passes its own tests, and can be used', async () => {
    await run('plugin', 'new', 'say-hello')
      .exits(0)
      .stdout(/wrote plugins\/say-hello\/plugin\.lua/)
      .stderr(/rivet plugin test plugins\/say-hello/)
      .run();
    await run('plugin', 'test')
      .exits(0)
      .stdout(/2 passed/)
      .run();
    // With the other tests of the project, too.
    await run('test')
      .exits(0)
      .stdout(/2 passed/)
      .run();
    await run('check', 'plugins/say-hello/tests/pipelines/hello.lua')
      .env({ RIVET_PLUGINS_PATH: join(directory, 'plugins') })
      .exits(0)
      .run();
  });

  it('overwrites nothing', async () => {
    await put('plugins/greet/notes.txt', 'mine');
    await run('plugin', 'new', 'greet')
      .exits(2)
      .stderr(/plugins\/greet is there already/)
      .run();
    expect(await readdir(join(directory, 'plugins/greet'))).toEqual(['notes.txt']);
  });

  it.each(['Greet', '../greet', 'json', 'pipeline', ''])('refuses the name %j', async (name) => {
    await run('plugin', 'new', '--', name)
      .exits(2)
      .stderr(/cannot be the name of a plugin/)
      .run();
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('rivet plugin list', () => {
  it('says where each plugin is from, what it hides, and which is not valid', async () => {
    await put('plugins/hello/plugin.lua', pluginText('hello', '2.0.0'));
    await put('more/hello/plugin.lua', pluginText('hello', '1.0.0'));
    await put('more/broken/plugin.lua', 'return { name = "broken" ');
    await put('config/rivet/plugins/own/plugin.lua', pluginText('own', '0.1.0'));
    const env = {
      RIVET_PLUGINS_PATH: join(directory, 'more'),
      XDG_CONFIG_HOME: join(directory, 'config'),
    };
    const { stdout } = await run('plugin', 'list', '--json').env(env).exits(2).run();
    const plugins = JSON.parse(stdout) as Record<string, unknown>[];
    expect(plugins.map(({ name, version, origin }) => [name, version, origin])).toEqual([
      ['archive', '1.0.0', 'installation'],
      ['broken', undefined, 'path'],
      ['git', '1.0.0', 'installation'],
      ['hello', '2.0.0', 'pipeline'],
      ['own', '0.1.0', 'user'],
      ['terraform', '1.0.0', 'installation'],
    ]);
    expect(plugins[3]?.hides).toEqual([join(directory, 'more/hello')]);
    expect(plugins[1]?.issues).toMatchObject([{ file: 'plugins/broken/plugin.lua', line: 1 }]);
    await run('plugin', 'list')
      .env(env)
      .exits(2)
      .stdout(/broken is not valid/)
      .run();
  });

  it('refuses a relative RIVET_PLUGINS_PATH', async () => {
    await run('plugin', 'list')
      .env({ RIVET_PLUGINS_PATH: 'plugins' })
      .exits(2)
      .stderr(/RIVET_PLUGINS_PATH.*absolute paths/)
      .run();
  });
});

describe('rivet plugin test', () => {
  it('says which functions are not in the stubs, and which stubs have no function', async () => {
    await run('plugin', 'new', 'greet').run();
    const stub = join(directory, 'plugins/greet/stubs/greet.lua');
    const text = await readFile(stub, 'utf8');
    await writeFile(stub, text.replace('function greet.hello(', 'function greet.goodbye('));
    await run('plugin', 'test', 'plugins/greet')
      .exits(2)
      .stdout(/the function hello is not in stubs\/greet\.lua/)
      .stdout(/describes the function goodbye, which the plugin does not have/)
      .run();
  });

  it('fails when a case fails', async () => {
    await run('plugin', 'new', 'greet').run();
    const main = join(directory, 'plugins/greet/plugin.lua');
    await writeFile(main, (await readFile(main, 'utf8')).replace('"Hello, "', '"Goodbye, "'));
    await run('plugin', 'test')
      .exits(1)
      .stdout(/echo 'Hello, Ada!'/)
      .run();
  });

  it('passes for the plugins that come with Rivet', async () => {
    const root = fileURLToPath(new URL('../../../../..', import.meta.url));
    await cli('plugin', 'test')
      .in(root)
      .exits(0)
      .stdout(/archive_test\.lua[\s\S]*git_test\.lua[\s\S]*terraform_test\.lua/)
      .run();
  });

  it('says that there is no plugin, or that it has no tests', async () => {
    await run('plugin', 'test')
      .exits(2)
      .stderr(/neither a plugin\.lua nor plugins/)
      .run();
    await put('plugins/hello/plugin.lua', pluginText('hello', '1.0.0'));
    await put('plugins/hello/stubs/hello.lua', 'function hello.f() end\n');
    await run('plugin', 'test')
      .exits(2)
      .stderr(/the plugin hello has no tests/)
      .run();
  });
});

describe('a pipeline with plugins', () => {
  it('is told which plugin hides another', async () => {
    await put('plugins/hello/plugin.lua', pluginText('hello', '2.0.0'));
    await put('more/hello/plugin.lua', pluginText('hello', '1.0.0'));
    await put('p.lua', PIPELINE);
    await run('check', 'p.lua')
      .env({ RIVET_PLUGINS_PATH: join(directory, 'more') })
      .exits(0)
      .stderr(/The plugin "hello" is the one in .*\/plugins\/hello; it hides .*\/more\/hello/)
      .run();
  });

  it('is told where a missing plugin was looked for', async () => {
    await put(
      'p.lua',
      PIPELINE.replace('local hello = require("hello")', '').replace('"hello"', '"gti"'),
    );
    await run('check', 'p.lua')
      .exits(2)
      .stdout(/there is no plugin "gti"/)
      .stdout(/\/plugins\/gti, .*\/\.config\/rivet\/plugins\/gti, .*\/plugins\/gti/)
      .stdout(/did you mean "?git"?\?/)
      .run();
  });
});
