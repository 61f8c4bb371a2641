// Places, the line before them, and those who leave it.
import { describe, expect, it } from 'vitest';
import { createSlots } from './slots.ts';

const { signal } = new AbortController();

describe('places', () => {
  it('are given in order, and never more than there are', async () => {
    const slots = createSlots(2);
    const order: number[] = [];
    let now = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        slots.run(signal, async () => {
          now += 1;
          most = Math.max(most, now);
          order.push(index);
          await new Promise((resolve) => setImmediate(resolve));
          now -= 1;
        }),
      ),
    );
    expect([most, order]).toEqual([2, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
  });

  it('are free again when the action fails, and only once however often they are freed', async () => {
    const slots = createSlots(1);
    const failed = slots.run(signal, () => Promise.reject(new Error('no')));
    await expect(failed).rejects.toThrow('no');
    const free = await slots.take(signal);
    free();
    free();
    const again = await slots.take(signal);
    let second = false;
    const waiting = slots.take(signal).then(() => {
      second = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(second).toBe(false);
    again();
    await waiting;
  });

  it('are not taken by who is stopped while waiting', async () => {
    const slots = createSlots(1);
    const free = await slots.take(signal);
    const controller = new AbortController();
    const waiting = slots.take(controller.signal);
    controller.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
    await expect(slots.take(controller.signal)).rejects.toThrow('stopped');
    free();
    expect(await slots.run(signal, async () => 'free')).toBe('free');
  });
});
