// The lock between processes: one at a time, in order, and nothing is left by the dead.
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identifyProcess } from '@rivet/processes';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withFileLock } from './file-lock.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-lock-'));
  path = join(directory, 'config');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it('lets one in at a time, all in the end, and leaves no file', async () => {
  let inside = 0;
  let most = 0;
  let done = 0;
  await Promise.all(
    Array.from({ length: 20 }, () =>
      withFileLock(path, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setTimeout(resolve, 1));
        inside -= 1;
        done += 1;
      }),
    ),
  );
  expect({ most, done }).toEqual({ most: 1, done: 20 });
  expect(await readdir(`${path}.lock`)).toEqual([]);
});

it('gives the lock back when the action fails', async () => {
  await expect(withFileLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await withFileLock(path, async () => 'next')).toBe('next');
});

it('passes over what a process left that was killed, before or after it had a number', async () => {
  await mkdir(`${path}.lock`);
  const own = await identifyProcess(process.pid);
  // This process id is in use, and was by another process before.
  const dead = `${own?.bootId}.${process.pid}.1`;
  await writeFile(join(`${path}.lock`, `1.${dead}.1`), '');
  await writeFile(join(`${path}.lock`, `choosing.${dead}.2`), '');
  expect(await withFileLock(path, async () => 'in')).toBe('in');
  expect(await readdir(`${path}.lock`)).toEqual([]);
});

it('waits for a process that runs', async () => {
  await mkdir(`${path}.lock`);
  const parent = await identifyProcess(process.ppid);
  const file = join(`${path}.lock`, `1.${parent?.bootId}.${parent?.pid}.${parent?.startTicks}.1`);
  await writeFile(file, '');
  let entered = false;
  const waiting = withFileLock(path, async () => {
    entered = true;
  });
  // It has its number, so it has begun to wait.
  await expect.poll(async () => (await readdir(`${path}.lock`)).length).toBe(2);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(entered).toBe(false);
  await rm(file);
  await waiting;
  expect(entered).toBe(true);
});
