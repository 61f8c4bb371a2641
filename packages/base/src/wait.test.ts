// Waiting: interrupted by a signal, ended by a deadline.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { sleep, unlessAborted, withDeadline } from './wait.ts';

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

it('withDeadline lets count what arrived while its process stood still', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const asking = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [answering] = (await once(server, 'connection')) as [Socket];
  await once(asking, 'connect');
  const answer = withDeadline(once(asking, 'data'), 20, () => new Error('too late'));
  answering.write('answer');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  expect(String(await answer)).toBe('answer');
  for (const one of [asking, answering]) one.destroy();
  server.close();
});

it('unlessAborted rejects with the reason of its signal, before or while it waits', async () => {
  const controller = new AbortController();
  const failing = Promise.withResolvers<void>();
  const waited = unlessAborted(failing.promise, controller.signal);
  controller.abort(new Error('enough'));
  await expect(waited).rejects.toThrow('enough');
  // Nobody waits for this any more: it is no unhandled rejection.
  failing.reject(new Error('late'));
  const late = unlessAborted(Promise.resolve(7), controller.signal);
  await expect(late).rejects.toThrow('enough');
});

it('unlessAborted settles like its promise when nothing aborts', async () => {
  expect(await unlessAborted(Promise.resolve(7), undefined)).toBe(7);
  const { signal } = new AbortController();
  await expect(unlessAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
});
