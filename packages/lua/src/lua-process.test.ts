// What is read of a process again and again while it runs.
import { expect, it } from 'vitest';
import { usageOf } from './lua-process.ts';

it('tells what a process has used and has', () => {
  const { user, system } = process.cpuUsage();
  const usage = usageOf(process.pid);
  expect(Math.abs((usage?.cpuMs ?? 0) - (user + system) / 1000)).toBeLessThan(1000);
  const resident = process.memoryUsage.rss();
  expect(Math.abs((usage?.residentBytes ?? 0) / resident - 1)).toBeLessThan(0.5);
});

it('needs no buffers, however often it is asked', () => {
  const before = process.memoryUsage().arrayBuffers;
  for (let look = 0; look < 100; look += 1) usageOf(process.pid);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024);
});

it('says nothing of a process that is gone', () => {
  expect(usageOf(2 ** 30)).toBeUndefined();
});
