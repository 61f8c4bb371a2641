// Ending a process for good, and only that one.
import { expect, it } from 'vitest';
import { identifyProcess, isProcessAlive } from './identity.ts';
import { killProcess, signalProcess } from './kill.ts';
import { startProcess } from './spawn.ts';

const env = { PATH: '/usr/bin:/bin' };

it('resolves when a process that ignores every other signal is gone', async () => {
  const args = ['-c', 'trap "" TERM INT HUP; echo ready; while :; do sleep 1; done'];
  const child = startProcess({ file: 'sh', args, env, stdin: 'ignore', group: true });
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  const identity = (await identifyProcess(child.pid!))!;
  expect(await killProcess(identity, 5_000)).toBe(true);
  expect(await isProcessAlive(identity)).toBe(false);
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // Its "sleep" has ended by itself.
  }
  await child.exit;
});

it('is content with a process that has ended already', async () => {
  const child = startProcess({ file: 'true', env });
  const identity = (await identifyProcess(child.pid!)) ?? {
    pid: child.pid!,
    startTicks: 1,
    bootId: 'any',
  };
  await child.exit;
  expect(await killProcess(identity, 5_000)).toBe(true);
});

it('leaves a process alone that has the id but not the start time', async () => {
  const child = startProcess({ file: 'sleep', args: ['60'], env });
  const identity = (await identifyProcess(child.pid!))!;
  expect(await killProcess({ ...identity, startTicks: identity.startTicks + 1 }, 5_000)).toBe(true);
  expect(await isProcessAlive(identity)).toBe(true);
  await child.stop(5_000);
});

it('sends a signal to the process that was meant, and to no other that has its id', async () => {
  const child = startProcess({ file: 'sleep', args: ['60'], env });
  const identity = (await identifyProcess(child.pid!))!;
  const other = { ...identity, startTicks: identity.startTicks + 1 };
  expect(await signalProcess(other, 'SIGKILL')).toBe(false);
  expect(await isProcessAlive(identity)).toBe(true);
  expect(await signalProcess(identity, 'SIGTERM')).toBe(true);
  expect(await child.exit).toMatchObject({ signal: 'SIGTERM' });
  expect(await signalProcess(identity, 'SIGKILL')).toBe(false);
});
