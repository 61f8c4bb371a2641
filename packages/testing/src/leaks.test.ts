// The check for leaks finds what it is there for.
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HostProcess, startProcess } from '@rivet/processes';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findLeaks } from './leaks.ts';

let directory: string;
let child: HostProcess | undefined;

beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'rivet-leaks-')));
});

afterEach(async () => {
  await child?.stop(1000);
  child = undefined;
  await rm(directory, { recursive: true, force: true });
});

test('an empty directory that nobody uses is no leak', async () => {
  expect(await findLeaks(directory, 0)).toEqual([]);
});

test('a file that was left behind is named', async () => {
  await writeFile(join(directory, 'left'), '');
  expect(await findLeaks(directory, 0)).toEqual([`file ${join(directory, 'left')}`]);
});

test('what the Podman of an ordinary user keeps is no leak', async () => {
  await mkdir(join(directory, 'podman-run-1000'));
  await mkdir(join(directory, 'containers-user-1000'));
  expect(await findLeaks(directory, 0)).toEqual([]);
});

test('a process that still works in the directory is named, until it ends', async () => {
  child = startProcess({ file: '/bin/sleep', args: ['30'], cwd: directory, stdin: 'ignore' });
  const running = child;
  await expect
    .poll(() => findLeaks(directory, 0))
    .toEqual([`process ${running.pid}: /bin/sleep 30 `]);
  const waiting = findLeaks(directory, 10_000);
  await running.stop(1000);
  expect(await waiting).toEqual([]);
});
