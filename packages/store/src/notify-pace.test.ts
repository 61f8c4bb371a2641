// When notifications go out: at once after a pause, ever fewer where they follow each other.
import { expect, test } from 'vitest';
import { NotifyPace } from './notify-pace.ts';

/** Sends what comes at these times, each as soon as it may; gives when that was. */
function sendAll(pace: NotifyPace, timesMs: readonly number[]): number[] {
  const sent: number[] = [];
  for (const timeMs of timesMs) {
    // What came while another one waited went with it.
    if (timeMs <= (sent.at(-1) ?? -1)) continue;
    const waitMs = pace.waitMs(timeMs);
    sent.push(timeMs + waitMs);
    pace.sent(timeMs + waitMs, waitMs > 0);
  }
  return sent;
}

test('the first goes at once, and those that follow it ever further apart', () => {
  const everyMs = Array.from({ length: 200 }, (_, index) => index);
  const sent = sendAll(new NotifyPace(), everyMs);
  expect(sent).toEqual([0, 5, 15, 35, 75, 115, 155, 195, 235]);
});

test('single ones with pauses in between are not kept waiting', () => {
  const times = [0, 35, 70, 105, 140, 175];
  expect(sendAll(new NotifyPace(), times)).toEqual(times);
});

test('bunches that follow each other soon go together, one or two at a time', () => {
  // 16 each 30 ms.
  const times = Array.from(
    { length: 1600 },
    (_, index) => Math.floor(index / 16) * 30 + (index % 16),
  );
  const sent = sendAll(new NotifyPace(), times);
  // 3 s; each bunch for itself would be 200.
  expect(sent.length).toBeLessThan(85);
  const waits = times.map((time) => (sent.find((at) => at >= time) ?? time) - time);
  expect(Math.max(...waits)).toBeLessThanOrEqual(40);
});

test('after a pause the next bunch begins at once again, and with the smallest gap', () => {
  const pace = new NotifyPace();
  sendAll(
    pace,
    Array.from({ length: 200 }, (_, index) => index),
  );
  expect(sendAll(pace, [400, 401])).toEqual([400, 405]);
});

test('after a failure it waits for half a second', () => {
  const pace = new NotifyPace();
  pace.sent(0, false);
  pace.failed(10);
  expect(pace.waitMs(10)).toBe(500);
  expect(pace.waitMs(600)).toBe(0);
});
