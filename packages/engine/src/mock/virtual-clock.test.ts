// The clock that stands still.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createVirtualClock } from './virtual-clock.ts';

test('stands still until it is let go, and then is at the next timer', () => {
  const clock = createVirtualClock(1000, () => {});
  const fired: string[] = [];
  clock.after(50, () => fired.push('late'));
  clock.after(20, () => fired.push('early'));
  const cancel = clock.after(10, () => fired.push('never'));
  cancel();
  expect([clock.now(), clock.waiting, fired]).toEqual([1000, true, []]);
  clock.next();
  expect([clock.now(), fired]).toEqual([1020, ['early']]);
  clock.next();
  expect([clock.now(), clock.waiting, fired]).toEqual([1050, false, ['early', 'late']]);
  clock.next();
  expect(clock.now()).toBe(1050);
});

test('a timer that is set while another fires is not forgotten', () => {
  const clock = createVirtualClock(0, () => {});
  const at: number[] = [];
  clock.after(5, () => {
    clock.after(0, () => at.push(clock.now()));
    clock.after(3, () => at.push(clock.now()));
  });
  for (let count = 0; count < 3; count += 1) clock.next();
  expect(at).toEqual([5, 8]);
});

test('timers fire in the order of their moments, those of one moment in the order of their start', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5, max: 20 }), { maxLength: 30 }), (delays) => {
      const clock = createVirtualClock(0, () => {});
      const fired: number[] = [];
      delays.forEach((ms, index) => {
        clock.after(ms, () => fired.push(index));
      });
      while (clock.waiting) clock.next();
      const wanted = delays
        .map((ms, index) => ({ at: Math.max(0, ms), index }))
        .sort((a, b) => a.at - b.at || a.index - b.index)
        .map(({ index }) => index);
      expect(fired).toEqual(wanted);
    }),
  );
});
