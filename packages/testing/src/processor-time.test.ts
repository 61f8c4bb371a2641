// That work which computes and work which blocks are both seen, and told apart.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { processorMsOf, watchTimers } from './processor-time.ts';

function compute(ms: number): void {
  const { user } = process.cpuUsage();
  while (process.cpuUsage().user - user < ms * 1000);
}

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

it('work that computes takes processor time, also later, and work that blocks takes none', async () => {
  const later = async () => {
    await sleep(1);
    compute(50);
  };
  expect(await processorMsOf(later)).toBeGreaterThanOrEqual(50);
  expect(await processorMsOf(() => block(200))).toBeLessThan(100);
});

it('timers come while others work, and not while this process computes or blocks', async () => {
  const endOfSleep = watchTimers(1);
  await sleep(100);
  expect(endOfSleep().ticks).toBeGreaterThan(0);

  const endOfComputing = watchTimers(1);
  compute(50);
  const computed = endOfComputing();
  expect(computed.ticks).toBe(0);
  expect(computed.heldMs).toBeGreaterThanOrEqual(50);

  const endOfBlock = watchTimers(1);
  block(200);
  const blocked = endOfBlock();
  expect(blocked.ticks).toBe(0);
  expect(blocked.heldMs).toBeLessThan(100);
});
