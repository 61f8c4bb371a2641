// Transactions, notifications and duties on a database that stumbles.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { silentLogger } from '@rivet/base';
import { startTcpProxy, useTestDatabase } from '@rivet/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabase, type Database } from './database.ts';
import { withDutyLock } from './duty-lock.ts';
import { createListener } from './listen.ts';
import { createNotifier, JOB_CHANNEL, QUEUE_CHANNEL } from './notify.ts';
import { once, repeatable } from './statement.ts';

const testDatabase = useTestDatabase();
let database: Database;
let other: Database;

const open = (statementTimeoutMs = 15_000): Database =>
  createDatabase({
    url: testDatabase.url,
    applicationName: 'test',
    logger: silentLogger,
    statementTimeoutMs,
  });

beforeEach(async () => {
  database = open();
  other = open();
  await other.query(once('make', 'CREATE TABLE IF NOT EXISTS counter (id int, value int)'));
  await other.query(once('empty', 'DELETE FROM counter'));
  await other.query(once('fill', 'INSERT INTO counter VALUES (1, 0), (2, 0)'));
});

afterEach(async () => {
  await database.close();
  await other.close();
});

const add = once('add', 'UPDATE counter SET value = value + 1 WHERE id = $1');
const values = repeatable('values', 'SELECT value FROM counter ORDER BY id');
const cut = once(
  'cut',
  `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
   WHERE datname = current_database() AND pid <> pg_backend_pid()`,
);

test('two transactions in a deadlock both come through', async () => {
  const bothLocked = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const crosswise = (first: number, second: number) =>
    database.transaction(
      async (tx) => {
        await tx.query(add, [first]);
        bothLocked[first - 1]?.resolve();
        await bothLocked[second - 1]?.promise;
        await tx.query(add, [second]);
      },
      { repeatable: false },
    );
  // Otherwise the server looks for one after a second only.
  await database.query(once('patience', `SELECT set_config('deadlock_timeout', '50', false)`));
  await Promise.all([crosswise(1, 2), crosswise(2, 1)]);
  expect(await other.query(values)).toEqual([{ value: 2 }, { value: 2 }]);
});

test('a transaction whose connection is cut runs again when it may, and not otherwise', async () => {
  let tries = 0;
  const cutOnce = (repeat: boolean) =>
    database.transaction(
      async (tx) => {
        await tx.query(add, [1]);
        tries += 1;
        if (tries === 1) await other.query(cut);
        await tx.query(add, [2]);
      },
      { repeatable: repeat },
    );
  await cutOnce(true);
  expect(tries).toBe(2);
  expect(await other.query(values)).toEqual([{ value: 1 }, { value: 1 }]);
  tries = 0;
  await expect(cutOnce(false)).rejects.toMatchObject({ code: 'RIVET_DATABASE_UNREACHABLE' });
  expect(await other.query(values)).toEqual([{ value: 1 }, { value: 1 }]);
});

test('a statement that takes too long is ended, and not tried again', async () => {
  // What a sequence gives stays given.
  await other.query(once('tries', 'CREATE SEQUENCE tries'));
  const slow = repeatable('slow', `SELECT nextval('tries'), pg_sleep(60)`);
  const impatient = open(1000);
  await expect(impatient.query(slow)).rejects.toMatchObject({
    code: 'RIVET_DATABASE_UNREACHABLE',
    message: expect.stringContaining('a query took too long'),
  });
  await impatient.close();
  const tries = await other.query(repeatable('last', 'SELECT last_value FROM tries'));
  expect(tries).toEqual([{ last_value: '1' }]);
});

test('a program that stands still in a transaction keeps its locks for half a minute at most', async () => {
  const timeout = repeatable(
    'timeout',
    `SELECT current_setting('idle_in_transaction_session_timeout') AS idle,
       current_setting('statement_timeout') AS statement`,
  );
  expect(await database.query(timeout)).toEqual([{ idle: '30s', statement: '15s' }]);
  const inTransaction = database.transaction((tx) => tx.query(timeout), { repeatable: true });
  expect(await inTransaction).toEqual([{ idle: '30s', statement: '15s' }]);
});

test('a network that swallows everything does not hold a statement for ever', async () => {
  const { port, hostname } = new URL(testDatabase.url);
  let swallow = false;
  const sockets: Socket[] = [];
  const proxy = createServer((near) => {
    const far = connect(Number(port), hostname);
    sockets.push(near, far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (bytes) => swallow || to.write(bytes));
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const url = new URL(testDatabase.url);
  url.port = String((proxy.address() as AddressInfo).port);
  const far = createDatabase({
    url: url.href,
    applicationName: 'test',
    logger: silentLogger,
    statementTimeoutMs: 2000,
  });
  try {
    expect(await far.query(values)).toHaveLength(2);
    swallow = true;
    await expect(far.query(add, [1])).rejects.toMatchObject({ code: 'RIVET_DATABASE_UNREACHABLE' });
    swallow = false;
    expect(await far.query(values)).toHaveLength(2);
  } finally {
    await far.close();
    for (const socket of sockets) socket.destroy();
    proxy.close();
  }
});

test('a connection that ends in the same packet as its login is an error, not the end', async () => {
  const message = (type: string, ...parts: Uint8Array[]): Buffer => {
    const body = Buffer.concat(parts);
    const head = Buffer.alloc(5, type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const fields = 'SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0';
  const packet = Buffer.concat([
    message('R', Buffer.alloc(4)),
    message('Z', Buffer.from('I')),
    message('E', Buffer.from(fields)),
  ]);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(packet));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `postgres://u:p@127.0.0.1:${port}/db`;
  const cutting = createDatabase({ url, applicationName: 'test', logger: silentLogger });
  const refused = { code: 'RIVET_DATABASE_UNREACHABLE' };
  try {
    await expect(cutting.query(values)).rejects.toMatchObject(refused);
    const nothing = cutting.transaction(async () => undefined, { repeatable: false });
    await expect(nothing).rejects.toMatchObject(refused);
  } finally {
    await cutting.close();
    server.close();
  }
});

test('what is notified is heard, also after the listening connection was cut', async () => {
  const heard: string[] = [];
  let connections = 0;
  let disconnections = 0;
  const listener = createListener({
    database: other,
    channels: [QUEUE_CHANNEL, JOB_CHANNEL],
    logger: silentLogger,
    // Without who sent it.
    onNotification: (channel, payload) =>
      heard.push(`${channel} ${payload.replace(/^[0-9a-f-]{36} ?/, '')}`),
    onConnected: () => {
      connections += 1;
    },
    onDisconnected: () => {
      disconnections += 1;
    },
  });
  await listener.start();
  const notifier = createNotifier(database, silentLogger);
  try {
    await expect.poll(() => connections, { timeout: 30_000 }).toBe(1);
    for (const id of ['a', 'b', 'a']) notifier.jobChanged(id);
    notifier.queueChanged();
    notifier.queueChanged();
    await expect.poll(() => heard.toSorted()).toEqual([`${JOB_CHANNEL} a b`, `${QUEUE_CHANNEL} `]);
    await database.query(cut).catch(() => undefined);
    await expect.poll(() => connections, { timeout: 30_000 }).toBe(2);
    expect(disconnections).toBe(1);
    notifier.queueChanged();
    await expect.poll(() => heard.length).toBe(3);
  } finally {
    await notifier.close();
    await listener.stop();
  }
});

test('a listening connection whose other side says nothing any more is made anew', async () => {
  const { hostname, port } = new URL(testDatabase.url);
  const proxy = await startTcpProxy({ target: { host: hostname, port: Number(port) } });
  const url = new URL(testDatabase.url);
  url.port = String(proxy.port);
  const behind = createDatabase({ url: url.href, applicationName: 'b', logger: silentLogger });
  let connections = 0;
  let disconnections = 0;
  const listener = createListener({
    database: behind,
    channels: [QUEUE_CHANNEL],
    logger: silentLogger,
    askEveryMs: 50,
    onNotification: () => undefined,
    onConnected: () => {
      connections += 1;
    },
    onDisconnected: () => {
      disconnections += 1;
    },
  });
  await listener.start();
  try {
    await expect.poll(() => connections, { timeout: 30_000 }).toBe(1);
    proxy.set({ silent: true }, 'down');
    await expect.poll(() => disconnections, { timeout: 30_000 }).toBe(1);
    proxy.mend();
    await expect.poll(() => connections, { timeout: 60_000 }).toBe(2);
  } finally {
    await listener.stop();
    await behind.close();
    await proxy.close();
  }
});

test('a duty is done by one at a time', async () => {
  const entered = Promise.withResolvers<void>();
  const leave = Promise.withResolvers<void>();
  const first = withDutyLock(database, 'sweep', async () => {
    entered.resolve();
    await leave.promise;
  });
  await entered.promise;
  expect(await withDutyLock(other, 'sweep', () => Promise.reject(new Error('twice')))).toBe(false);
  expect(await withDutyLock(other, 'another', async () => undefined)).toBe(true);
  leave.resolve();
  expect(await first).toBe(true);
  expect(await withDutyLock(other, 'sweep', async () => undefined)).toBe(true);
});
