// The copy of a tree: what git would see, links as links, modes kept, nothing outside touched.
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcess } from '@rivet/processes';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copyTree } from './workspace-tree.ts';

let root: string;
let source: string;
let target: string;
const env = { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rivet-tree-'));
  source = join(root, 'source');
  target = join(root, 'target');
  await mkdir(source);
  await mkdir(target);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const put = async (path: string, content = path): Promise<void> => {
  await mkdir(join(source, path, '..'), { recursive: true });
  await writeFile(join(source, path), content);
};
const git = async (...args: string[]): Promise<void> => {
  const child = startProcess({ file: 'git', args: ['-C', source, ...args], env, stdout: 'ignore' });
  expect((await child.exit).code, `git ${args.join(' ')}`).toBe(0);
};
const copy = (signal = new AbortController().signal) => copyTree(source, target, env, signal);
const copied = async (): Promise<string[]> => {
  const entries = await readdir(target, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(target.length + 1))
    .sort();
};

describe('copyTree in a git work tree', () => {
  beforeEach(() => git('init', '-q'));

  it('takes tracked and untracked files, and leaves ignored ones and .git', async () => {
    await put('.gitignore', 'node_modules\n*.log\n');
    await put('src/main.c');
    await put('untracked.txt');
    await put('debug.log');
    await put('node_modules/x/index.js');
    await git('add', '.gitignore', 'src/main.c');
    const result = await copy();
    expect(await copied()).toEqual(['.gitignore', 'src/main.c', 'untracked.txt']);
    expect(result).toMatchObject({ files: 3, git: true, skipped: [] });
    expect(await readFile(join(target, 'src/main.c'), 'utf8')).toBe('src/main.c');
  });

  it('takes the tree as it is: changed content, no deleted files', async () => {
    await put('a', 'old');
    await put('b');
    await git('add', '.');
    await put('a', 'new');
    await rm(join(source, 'b'));
    await copy();
    expect(await copied()).toEqual(['a']);
    expect(await readFile(join(target, 'a'), 'utf8')).toBe('new');
  });

  it('takes a tracked file also where a rule would ignore it', async () => {
    await put('.gitignore', '*.bin\n');
    await put('kept.bin');
    await git('add', '-f', '.');
    await copy();
    expect(await copied()).toEqual(['.gitignore', 'kept.bin']);
  });

  it('takes a repository inside by its own rules', async () => {
    await put('inner/.gitignore', 'out\n');
    await put('inner/file');
    await put('inner/out/result');
    await git('-C', join(source, 'inner'), 'init', '-q');
    await copy();
    expect(await copied()).toEqual(['inner/.gitignore', 'inner/file']);
  });

  it('takes only what is below a subdirectory', async () => {
    await put('top');
    await put('sub/below');
    await copyTree(join(source, 'sub'), target, env, new AbortController().signal);
    expect(await copied()).toEqual(['below']);
  });

  it('takes everything of a directory that the repository around it ignores', async () => {
    await put('.gitignore', 'scratch\n');
    await put('scratch/pipeline.lua');
    await copyTree(join(source, 'scratch'), target, env, new AbortController().signal);
    expect(await copied()).toEqual(['pipeline.lua']);
  });

  it('does not follow a link that has taken the place of a tracked directory', async () => {
    await put('dir/file');
    await git('add', '.');
    await rm(join(source, 'dir'), { recursive: true });
    await mkdir(join(root, 'outside'));
    await writeFile(join(root, 'outside', 'file'), 'secret');
    await symlink('../outside', join(source, 'dir'));
    await copy();
    expect(await copied()).toEqual(['dir']);
    expect(await readlink(join(target, 'dir'))).toBe('../outside');
    expect(await readdir(join(root, 'outside'))).toEqual(['file']);
  });

  it('says what git said when the repository is broken', async () => {
    await writeFile(join(source, '.git', 'config'), '[core\nbroken');
    await expect(copy()).rejects.toThrow(/could not be listed: git says: .+/);
  });
});

describe('copyTree without git', () => {
  it('takes everything, empty directories too', async () => {
    await put('a/b/c');
    await mkdir(join(source, 'empty'));
    const result = await copy();
    expect(await copied()).toEqual(['a/b/c']);
    expect((await lstat(join(target, 'empty'))).isDirectory()).toBe(true);
    expect(result.git).toBe(false);
  });

  it('keeps links as links, also broken ones, and executable bits', async () => {
    await put('run.sh');
    await chmod(join(source, 'run.sh'), 0o755);
    await symlink('/nowhere', join(source, 'broken'));
    await symlink('run.sh', join(source, 'link'));
    await copy();
    expect(await readlink(join(target, 'broken'))).toBe('/nowhere');
    expect(await readlink(join(target, 'link'))).toBe('run.sh');
    expect((await lstat(join(target, 'run.sh'))).mode & 0o777).toBe(0o755);
  });

  it('keeps names that are no UTF-8, and names with line feeds and dashes', async () => {
    const odd = Buffer.concat([Buffer.from(source), Buffer.from([0x2f, 0xff, 0xfe])]);
    await writeFile(odd, 'odd');
    await put('-n\nx');
    await copy();
    const names = await readdir(target, { encoding: 'buffer' });
    expect(names.map((name) => name.toString('hex')).sort()).toEqual(
      [Buffer.from('-n\nx').toString('hex'), 'fffe'].sort(),
    );
  });

  it('leaves sockets out and says so', async () => {
    const server = createServer().listen(join(source, 'socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    await put('file');
    const result = await copy();
    server.close();
    expect(await copied()).toEqual(['file']);
    expect(result.skipped).toEqual(['socket']);
  });

  it('does not copy the target into itself', async () => {
    target = join(source, 'runs', 'workspace');
    await mkdir(target, { recursive: true });
    await put('file');
    await copy();
    expect(await copied()).toEqual(['file']);
  });

  it('stops when it is told to', async () => {
    await put('file');
    await expect(copy(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });

  it('goes on without git where none is installed', async () => {
    await put('file');
    await copyTree(source, target, { PATH: root }, new AbortController().signal);
    expect(await copied()).toEqual(['file']);
  });
});
