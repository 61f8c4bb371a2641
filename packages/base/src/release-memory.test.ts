// What gives back memory.
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { releaseMemory } from './release-memory.ts';

it('collects at once what nobody holds any more, and leaves nothing behind for programs to call', async () => {
  const held = { name: 'held' };
  const lost = new WeakRef({ name: 'lost' });
  const kept = new WeakRef(held);
  // What a WeakRef was made for is held until the task has ended.
  await setImmediate();
  releaseMemory();
  expect(lost.deref()).toBeUndefined();
  expect(kept.deref()).toBe(held);
  expect('gc' in globalThis).toBe(false);
});
