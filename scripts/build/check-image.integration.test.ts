// `rivet check` from its image: the same answers as without, and none where a limit is reached.
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outcomeOf, startProcess } from '@rivet/processes';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildCheckImage } from './check-image.ts';
import { writeSurroundings } from './surroundings.ts';
import { changeSource } from './testing/change-source.ts';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const GAVE_UP = 75;
// The command is started from its sources, beside everything else that is tested.
vi.setConfig({ testTimeout: 60_000 });
let build: string;
let files: string;
let flags: string[];

beforeAll(async () => {
  build = join(root, 'build', `test-check-image-${process.pid}`);
  files = await mkdtemp(join(tmpdir(), 'rivet-check-image-'));
  await mkdir(build, { recursive: true });
  await writeSurroundings(build);
  await buildCheckImage(root, build);
  flags = (await readFile(join(build, 'check-image.bounds'), 'utf8')).trim().split(' ');
});

afterAll(async () => {
  await rm(build, { recursive: true, force: true });
  await rm(files, { recursive: true, force: true });
});

interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** As the launcher does it; what the process says of itself is left out. */
async function fromImage(
  args: readonly string[],
  { from = root, command = 'check' } = {},
): Promise<Answer> {
  const [kilobytes = '', ...nodeFlags] = flags;
  const script = `ulimit -c 0; ulimit -t 2; ulimit -d ${kilobytes}; exec "$@" 9>&2 2>/dev/null`;
  const image = ['--snapshot-blob', join(build, 'check-image.blob'), from, command, ...args];
  return run('/bin/sh', ['-c', script, 'sh', process.execPath, ...nodeFlags, ...image]);
}

async function run(file: string, args: readonly string[]): Promise<Answer> {
  const env = { PATH: process.env.PATH, HOME: files, RIVET_BUNDLED: 'off' };
  const child = startProcess({ file, args, env, cwd: files, stdin: 'ignore' });
  const { code, stdout, stderr } = await outcomeOf(child);
  return { code, stdout, stderr };
}

async function write(name: string, source: string): Promise<string> {
  const path = join(files, name);
  await writeFile(path, source);
  return path;
}

const VALID = `
return pipeline.define({
  name = "x",
  inputs = { a = { type = "string", default = "b", pattern = "^%w+$" } },
  stages = { { name = "one", script = function() process.run({ "true", check = true }) end } },
})`;

const answered: Record<string, { source: string; args?: string[]; code: number }> = {
  'a valid file': { source: VALID, code: 0 },
  'a valid file, as JSON': { source: VALID, args: ['--json'], code: 0 },
  warnings: { source: VALID.replace(', check = true', ''), code: 0 },
  'warnings that count': {
    source: VALID.replace(', check = true', ''),
    args: ['--strict', '--json'],
    code: 2,
  },
  mistakes: { source: VALID.replace('type = "string"', 'type = "text"'), code: 2 },
  'a syntax error': { source: 'return pipeline.define({', code: 2 },
  'an error that is raised': { source: 'error("no")', code: 2 },
  'an effect that comes too early': { source: `process.run({ "true" })\n${VALID}`, code: 2 },
  'a module that is missing': { source: `require("other")\n${VALID}`, code: 2 },
};

describe('the image, for rivet run', () => {
  const define = (path: string): Promise<Answer> => fromImage([path], { command: 'run' });

  it('tells what a file defines, and of which files that is', async () => {
    const path = await write('defined.lua', VALID);
    const { code, stdout, stderr } = await define(path);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^.*\n$/);
    expect(JSON.parse(stdout)).toMatchObject({
      bundle: { main: 'defined.lua', files: { 'defined.lua': VALID } },
      definition: { name: 'x', stages: [{ name: 'one' }], inputs: [{ name: 'a', default: 'b' }] },
    });
  });

  it.each([
    ['is not valid', VALID.replace('type = "string"', 'type = "text"'), 2],
    ['has a syntax error', 'return pipeline.define({', 2],
    ['cannot be read as one', '\0', GAVE_UP],
  ])('tells nothing of a file that %s', async (_, source, code) => {
    const path = await write('undefined.lua', source);
    expect(await define(path)).toEqual({ code, stdout: '', stderr: '' });
  });
});

describe('the image of rivet check', () => {
  it.each(Object.entries(answered))('answers as the command does: %s', async (name, given) => {
    const path = await write(`${name.replaceAll(' ', '-')}.lua`, given.source);
    const args = [path, ...(given.args ?? [])];
    const [image, command] = await Promise.all([
      fromImage(args),
      run(process.execPath, [join(root, 'apps/cli/src/main.ts'), 'check', ...args]),
    ]);
    expect(image).toEqual(command);
    expect(image.code).toBe(given.code);
  });

  it('says which plugin hides another', async () => {
    for (const place of ['plugins', join('.config', 'plugins')]) {
      await mkdir(join(files, place, 'git'), { recursive: true });
      await writeFile(join(files, place, 'git', 'plugin.lua'), 'return {}');
    }
    const path = await write(
      'plugin.lua',
      VALID.replace('name = "x"', 'name = "x", plugins = { "git" }'),
    );
    const [image, command] = await Promise.all([
      fromImage([path]),
      run(process.execPath, [join(root, 'apps/cli/src/main.ts'), 'check', path]),
    ]);
    expect(image).toEqual(command);
    expect(image.stderr).toContain('it hides');
    await rm(join(files, 'plugins'), { recursive: true });
  });

  const unanswered: Record<string, string> = {
    'computes without an end': 'while true do end',
    'computes in a native loop': 'string.rep("a", 30):find(("a?"):rep(30) .. ("a"):rep(30))',
    'takes memory without an end':
      'local t = {} while true do t[#t + 1] = ("x"):rep(100000) .. #t end',
    'doubles a string': 'local s = "x" while true do s = s .. s end',
  };

  it.each(Object.entries(unanswered))('says nothing of a file that %s', async (name, source) => {
    const path = await write(`${name.replaceAll(' ', '-')}.lua`, source);
    const { code, stdout, stderr } = await fromImage([path]);
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
    // Or the kernel has ended it.
    expect([GAVE_UP, null, 134]).toContain(code);
  });

  it.each([
    ['a file that is missing', ['missing.lua']],
    ['an unknown option', ['x.lua', '--stirct']],
    ['a question for help', ['--help']],
    ['nothing', []],
  ])('leaves it to the command: %s', async (_, args) => {
    expect(await fromImage(args)).toEqual({ code: GAVE_UP, stdout: '', stderr: '' });
  });

  it('does not count in a tree that it was not made in', async () => {
    const path = await write('valid.lua', VALID);
    const elsewhere = join(files, 'elsewhere');
    await symlink(root, elsewhere);
    expect(await fromImage([path], { from: elsewhere })).toMatchObject({
      code: GAVE_UP,
      stdout: '',
    });
    expect(await fromImage([path])).toMatchObject({ code: 0 });
  });

  it('does not count when a source has changed', async () => {
    const path = await write('valid.lua', VALID);
    await changeSource(build, 'check-image');
    expect(await fromImage([path])).toMatchObject({ code: GAVE_UP, stdout: '' });
  });
});
