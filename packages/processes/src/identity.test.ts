// Telling processes apart: by id, start time and boot.
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { identifyProcess, isProcessAlive, otherProcesses, parseStat } from './identity.ts';
import { startProcess } from './spawn.ts';

const FIELDS = Array.from({ length: 49 }, (_, index) => String(index + 4));

it('reads past a name that looks like the rest of the line', () => {
  const text = `7 (a) Z 1 (b) 9) S ${FIELDS.join(' ')}\n`;
  expect(parseStat(text)).toEqual({ state: 'S', startTicks: 22 });
});

it.each(['', '7 (a', '7 (a) S 1 2', 'garbage) ) )'])('takes %j for no process', (text) => {
  expect(parseStat(text)).toBeUndefined();
});

it('knows this process again', async () => {
  const identity = await identifyProcess(process.pid);
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  expect(identity).toMatchObject({ pid: process.pid, bootId: bootId.trim() });
  expect(await isProcessAlive(identity!)).toBe(true);
});

it('does not take another process with the same id for it', async () => {
  const identity = (await identifyProcess(process.pid))!;
  expect(await isProcessAlive({ ...identity, startTicks: identity.startTicks + 1 })).toBe(false);
  expect(await isProcessAlive({ ...identity, bootId: 'another' })).toBe(false);
});

it('sees the end of a process', async () => {
  const child = startProcess({ file: 'sleep', args: ['60'], env: { PATH: '/usr/bin:/bin' } });
  const identity = (await identifyProcess(child.pid!))!;
  expect(await isProcessAlive(identity)).toBe(true);
  await child.stop(5_000);
  expect(await isProcessAlive(identity)).toBe(false);
});

it('finds all others, and not this one', async () => {
  const child = startProcess({ file: 'sleep', args: ['60'], env: { PATH: '/usr/bin:/bin' } });
  const identity = await identifyProcess(child.pid!);
  const others: unknown[] = [];
  for await (const other of otherProcesses()) others.push(other);
  expect(others).toContainEqual(identity);
  expect(others).not.toContainEqual(await identifyProcess(process.pid));
  await child.stop(5_000);
});

it.each([0, -1, 1.5, Number.NaN, 2 ** 31])('finds no process with the id %d', async (pid) => {
  expect(await identifyProcess(pid)).toBeUndefined();
});
