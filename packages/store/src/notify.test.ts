// What waits to be told is told together, and nothing waits where nothing is under way.
import { silentLogger } from '@rivet/base';
import type { Client } from 'pg';
import { expect, test } from 'vitest';
import { createNotifier, HELLO_CHANNEL, JOB_CHANNEL, QUEUE_CHANNEL } from './notify.ts';
import { OtherListeners } from './other-listeners.ts';

/** Connections whose statements end when the test says so. */
function fakeDatabase() {
  const sent: [channel: string, payload: string][][] = [];
  const waiting: { resolve(): void; reject(error: Error): void }[] = [];
  let connections = 0;
  let open = 0;
  return {
    sent,
    get connections() {
      return connections;
    },
    get open() {
      return open;
    },
    async settle(error?: Error) {
      await expect.poll(() => waiting.length).toBeGreaterThan(0);
      const next = waiting.shift();
      if (error === undefined) next?.resolve();
      else next?.reject(error);
    },
    connect: async () => {
      connections += 1;
      open += 1;
      return {
        query: (statement: string | { values: [string[], string[]] }) => {
          if (typeof statement === 'string') return Promise.resolve();
          const [channels, payloads] = statement.values;
          sent.push(channels.map((channel, index) => [channel, payloads[index] ?? '']));
          const { promise, resolve, reject } = Promise.withResolvers<void>();
          waiting.push({ resolve, reject });
          return promise;
        },
        end: async () => {
          open -= 1;
        },
      } as unknown as Client;
    },
  };
}

const idsOf = (payload = ''): string[] => payload.split(' ').slice(1);

/** Of each statement the ids that it told first. */
const idsSent = ({ sent }: { sent: [string, string][][] }): string[][] =>
  sent.map((messages) => idsOf(messages[0]?.[1]));

test('the first is sent at once; what comes while it is under way goes together', async () => {
  const database = fakeDatabase();
  const here: string[] = [];
  const notifier = createNotifier(database, silentLogger, {
    onQueue: () => here.push('queue'),
    onJob: (id) => here.push(id),
  });
  notifier.jobChanged('a');
  expect(here).toEqual(['a']);
  await expect.poll(() => database.sent).toHaveLength(1);
  notifier.jobChanged('b');
  notifier.jobChanged('c');
  notifier.jobChanged('b');
  notifier.queueChanged();
  expect(here).toEqual(['a', 'b', 'c', 'b', 'queue']);
  expect(database.sent).toHaveLength(1);
  await database.settle();
  await expect.poll(() => database.sent).toHaveLength(2);
  await database.settle();
  const [first, second] = database.sent;
  expect(first?.map(([channel, payload]) => [channel, idsOf(payload)])).toEqual([
    [JOB_CHANNEL, ['a']],
  ]);
  expect(second?.map(([channel, payload]) => [channel, idsOf(payload)])).toEqual([
    [QUEUE_CHANNEL, []],
    [JOB_CHANNEL, ['b', 'c']],
  ]);
  await notifier.close();
  expect([database.connections, database.open]).toEqual([1, 0]);
});

test('its own are told apart from those of others', async () => {
  const database = fakeDatabase();
  const [one, two] = [1, 2].map(() => createNotifier(database, silentLogger));
  one?.jobChanged('a');
  await database.settle();
  const [, payload = ''] = database.sent[0]?.[0] ?? [];
  expect([one?.heard(payload), two?.heard(payload)]).toEqual([undefined, 'a']);
  await one?.close();
  await two?.close();
});

test('more jobs than a payload holds are all jobs', async () => {
  const database = fakeDatabase();
  const notifier = createNotifier(database, silentLogger);
  for (let count = 0; count <= 200; count += 1) notifier.jobChanged(`job ${count}`);
  await database.settle();
  expect(idsSent(database)).toEqual([['*']]);
  await notifier.close();
});

test('a connection that broke while it was kept loses no notification', async () => {
  const database = fakeDatabase();
  const notifier = createNotifier(database, silentLogger);
  notifier.jobChanged('a');
  await database.settle();
  notifier.jobChanged('b');
  await database.settle(new Error('Connection terminated'));
  await database.settle();
  expect(idsSent(database)).toEqual([['a'], ['b'], ['b']]);
  await notifier.close();
  expect([database.connections, database.open]).toEqual([2, 0]);
});

test('what could not be sent is given up, and later ones are sent', async () => {
  const database = fakeDatabase();
  const notifier = createNotifier(database, silentLogger);
  notifier.jobChanged('a');
  await database.settle(new Error('too many connections'));
  notifier.jobChanged('b');
  await database.settle();
  expect(idsSent(database)).toEqual([['a'], ['b']]);
  await notifier.close();
});

test('closing sends what waits, and nothing is told after it', async () => {
  const database = fakeDatabase();
  const notifier = createNotifier(database, silentLogger);
  notifier.jobChanged('a');
  const closing = notifier.close();
  notifier.jobChanged('b');
  await database.settle();
  await closing;
  expect(idsSent(database)).toEqual([['a']]);
});

test('turned off, nobody is told, here neither', async () => {
  const database = fakeDatabase();
  const here: string[] = [];
  const onJob = (id: string): number => here.push(id);
  const notifier = createNotifier(database, silentLogger, { enabled: false, onJob });
  notifier.jobChanged('a');
  await notifier.close();
  expect([here, database.sent, database.connections]).toEqual([[], [], 0]);
});

/** A clock at which nobody else has been heard of for long. */
function alone() {
  let nowMs = 0;
  const others = new OtherListeners(() => nowMs);
  others.connected(true);
  nowMs = 60_000;
  return others;
}

test('who is alone tells only itself, and others from when it hears of one', async () => {
  const database = fakeDatabase();
  const here: string[] = [];
  const notifier = createNotifier(database, silentLogger, {
    others: alone(),
    onJob: (id) => here.push(id),
  });
  notifier.jobChanged('a');
  notifier.queueChanged();
  expect(here).toEqual(['a']);
  expect(notifier.heard('another b')).toBe('b');
  notifier.jobChanged('c');
  await database.settle();
  expect(idsSent(database)).toEqual([['c']]);
  await notifier.close();
});

test('whoever begins to listen says so, also when it was alone before', async () => {
  const database = fakeDatabase();
  const notifier = createNotifier(database, silentLogger, { others: alone() });
  notifier.listening(true);
  await database.settle();
  expect(database.sent.flat().map(([channel]) => channel)).toEqual([HELLO_CHANNEL]);
  await notifier.close();
});
