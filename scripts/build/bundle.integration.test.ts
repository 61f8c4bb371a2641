// What is built does what its sources do, also what a module does when it is loaded.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { outcomeOf, startProcess } from '../../packages/processes/src/index.ts';
import { bundle } from './bundle.ts';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Below the sources, whose packages what is built there finds; gone when the test is over. */
async function makeDirectory(): Promise<string> {
  await mkdir(join(root, 'build'), { recursive: true });
  const directory = await mkdtemp(join(root, 'build', 'test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

it('a program that is built looks first whether it is the first process of a container', async () => {
  const directory = await makeDirectory();
  const entries = { backup: 'apps/orchestrator/src/backup.ts' };
  await bundle({ root, directory, entries, whole: true });
  const text = await readFile(join(directory, 'backup.cjs'), 'utf8');
  const place = text.indexOf('runUnderInit();');
  expect(place).toBeGreaterThan(0);
  expect(place).toBeLessThan(text.indexOf('runToExit('));
});

it('a module of Node that is to be late is loaded when a function of it is called', async () => {
  const directory = await makeDirectory();
  const entry = join(directory, 'entry.ts');
  await writeFile(
    entry,
    `import all, { isIPv6 } from 'node:net';
     const loaded = () => process.moduleLoadList.includes('NativeModule net');
     const before = loaded();
     const answers = [isIPv6('::1'), all.isIPv4('::1')];
     process.stderr.write(JSON.stringify({ before, answers, after: loaded() }));`,
  );
  const entries = { late: relative(root, entry) };
  await bundle({ root, directory, entries, whole: true, late: ['node:net'] });
  const file = join(directory, 'late.cjs');
  const child = startProcess({ file: process.execPath, args: [file], stdin: 'ignore' });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  expect((await child.exit).code).toBe(0);
  expect(JSON.parse(said)).toEqual({ before: false, answers: [true, false], after: true });
});

it('a runner decides what it is before it loads its packages, and loads no TLS', async () => {
  const directory = await makeDirectory();
  const without = ['packages/base/src/optimised-code.ts', 'packages/processes/src/init.ts'];
  const entries = { runner: 'apps/runner/src/main.ts' };
  await bundle({ root, directory, entries, byPackage: { without } });
  const text = await readFile(join(directory, 'runner.cjs'), 'utf8');
  const place = text.indexOf('runUnderInit();startWithFlags();optimiseHotCode(false);');
  expect(place).toBeGreaterThan(0);
  expect(text.indexOf('require("./')).toBeGreaterThan(place);
  const files = await readdir(directory);
  for (const name of ['base', 'containers', 'engine', 'typebox']) {
    expect(files).toContainEqual(expect.stringMatching(`^${name}-[^.]+\\.cjs$`));
  }
  // It ends at a wrong setting, with all loaded that it imports.
  const env = { RIVET_RUNNER_CAPACITY: 'none' };
  const script = `
    process.on('exit', () => console.log(process.moduleLoadList.join(';')));
    require(${JSON.stringify(join(directory, 'runner.cjs'))});`;
  const args = ['-e', script];
  const child = startProcess({ file: process.execPath, args, env, stdin: 'ignore' });
  const { code, stdout, stderr } = await outcomeOf(child);
  expect(code).toBe(2);
  expect(stderr).toContain('RIVET_RUNNER_CAPACITY');
  expect(stdout).toContain('NativeModule http;');
  expect(stdout).not.toContain('NativeModule tls');
});
