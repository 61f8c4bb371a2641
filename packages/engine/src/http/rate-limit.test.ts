// The token bucket, with a clock of its own.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createRateLimit } from './rate-limit.ts';

// Nothing waits in real time: what would have to, never ends.
afterEach(() => vi.useRealTimers());

describe('a rate', () => {
  it('lets a second of requests through at once, then one after each interval', async () => {
    let now = 0;
    const rate = createRateLimit(50, () => now);
    const { signal } = new AbortController();
    for (let count = 0; count < 50; count += 1) await rate.take(signal);
    const before = performance.now();
    await rate.take(signal);
    expect(performance.now() - before).toBeGreaterThan(15);
    now += 1000;
    vi.useFakeTimers();
    for (let count = 0; count < 49; count += 1) await rate.take(signal);
  });

  it('below one in a second lets one through, and the next after its time', async () => {
    const now = 0;
    const rate = createRateLimit(0.02, () => now);
    const controller = new AbortController();
    await rate.take(controller.signal);
    const waiting = rate.take(controller.signal);
    setTimeout(() => controller.abort(), 20);
    // Fifty seconds else.
    const before = performance.now();
    await waiting;
    expect(performance.now() - before).toBeLessThan(40_000);
  });

  it('gives the turn of who stops waiting to the others', async () => {
    let now = 0;
    const rate = createRateLimit(1, () => now);
    const { signal } = new AbortController();
    await rate.take(signal);
    await rate.take(AbortSignal.abort());
    now += 1000;
    vi.useFakeTimers();
    await rate.take(signal);
  });
});
