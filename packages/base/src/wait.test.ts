// Waiting: interrupted by a signal, ended by a deadline.
import { expect, it } from 'vitest';
import { sleep, withDeadline } from './wait.ts';

it('sleep ends at once when its signal aborts', async () => {
  const controller = new AbortController();
  const slept = sleep(60_000, controller.signal);
  controller.abort();
  await slept;
  await sleep(60_000, AbortSignal.abort());
});

it('withDeadline rejects with the error it was given', async () => {
  const never = new Promise<void>(() => undefined);
  await expect(withDeadline(never, 5, () => new Error('too late'))).rejects.toThrow('too late');
});

it('withDeadline settles like its promise when that is in time', async () => {
  expect(await withDeadline(Promise.resolve(7), 60_000, () => new Error('too late'))).toBe(7);
});
