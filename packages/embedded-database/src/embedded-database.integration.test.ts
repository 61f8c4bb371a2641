// Starting and ending the embedded database, also after a kill.
import {
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import { startProcess } from '@rivet/processes';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type EmbeddedDatabase, startEmbeddedDatabase } from './embedded-database.ts';

let directory: string;
const running: EmbeddedDatabase[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-embedded-'));
});

afterEach(async () => {
  for (const database of running.splice(0)) await database.stop();
  const location = await readFile(join(directory, 'data/location'), 'utf8').catch(() => '');
  if (location !== '') await rm(location.trim(), { recursive: true, force: true });
  await rm(directory, { recursive: true, force: true });
});

async function start(dataDirectory: string, persistent: boolean): Promise<EmbeddedDatabase> {
  const options = { dataDirectory, logger: silentLogger, persistent, durable: false };
  const database = await startEmbeddedDatabase(options);
  running.push(database);
  return database;
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

/** Where a data directory has its cluster. */
async function homeOf(data: string): Promise<string> {
  const location = await readFile(join(data, 'location'), 'utf8').catch(() => undefined);
  return location?.trim() ?? join(data, 'postgresql');
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

test('a database that is not persistent leaves nothing behind', async () => {
  const data = join(directory, 'data');
  const database = await start(data, false);
  expect(database.url).toMatch(/^postgres:\/\/rivet:[0-9a-f]{48}@127\.0\.0\.1:\d+\/rivet$/);
  expect(await answers(database.port)).toBe(true);
  await database.stop();
  await database.stop();
  expect(await answers(database.port)).toBe(false);
  expect(await isThere(data)).toBe(false);
});

test('a database keeps its memory in its directory, where a kill leaves it', async () => {
  const data = join(directory, 'data');
  await start(data, true);
  const segments = await readdir(join(await homeOf(data), 'cluster/pg_dynshmem'));
  expect(segments).toEqual(expect.arrayContaining([expect.stringMatching(/^mmap\./)]));
});

test('a data directory is used by one at a time and keeps its password', async () => {
  const data = join(directory, 'data');
  const first = await start(data, true);
  await expect(start(data, true)).rejects.toMatchObject({
    code: 'RIVET_EMBEDDED_DATABASE_BUSY',
    details: { pid: String(process.pid) },
  });
  await first.stop();
  const second = await start(data, true);
  expect(new URL(second.url).password).toBe(new URL(first.url).password);
});

test('the database ends with a process that is killed, and starts again after it', async () => {
  const data = join(directory, 'data');
  const script = `
    import { silentLogger } from '@rivet/base';
    import { startEmbeddedDatabase } from ${JSON.stringify(import.meta.resolve('./index.ts'))};
    const database = await startEmbeddedDatabase({ dataDirectory: ${JSON.stringify(data)},
      logger: silentLogger, persistent: true, durable: false });
    console.log(database.port);
    setInterval(() => undefined, 1000);`;
  const file = join(import.meta.dirname, `killed-${process.pid}.fixture.mjs`);
  await writeFile(file, script);
  try {
    const child = startProcess({
      file: process.execPath,
      args: [file],
      env: { PATH: '/usr/bin:/bin' },
    });
    const port = await new Promise<number>((resolve, reject) => {
      child.stdout?.once('data', (text) => resolve(Number(text)));
      child.exit.then(() => reject(new Error('it ended early')));
    });
    expect(await answers(port)).toBe(true);
    child.kill('SIGKILL');
    await child.exit;
    await expect.poll(() => answers(port), { timeout: 30_000 }).toBe(false);
    const database = await start(data, true);
    expect(await answers(database.port)).toBe(true);
  } finally {
    await rm(file, { force: true });
  }
});

test('a lock file with the id of another process does not keep the database from starting', async () => {
  const data = join(directory, 'data');
  const first = await start(data, true);
  await first.stop();
  const home = await homeOf(data);
  await writeFile(join(home, 'cluster/postmaster.pid'), `${process.pid}\n${home}/cluster\n`);
  const second = await start(data, true);
  expect(await answers(second.port)).toBe(true);
});

test('a cluster of another version is refused and left alone', async () => {
  const data = join(directory, 'data');
  const first = await start(data, true);
  await first.stop();
  const version = join(await homeOf(data), 'cluster/PG_VERSION');
  await writeFile(version, '12\n');
  await expect(start(data, true)).rejects.toMatchObject({
    code: 'RIVET_EMBEDDED_DATABASE_VERSION',
    details: { found: '12' },
  });
  expect(await readFile(version, 'utf8')).toBe('12\n');
});

test('a database that crashed starts again with what it had', async () => {
  const data = join(directory, 'data');
  const first = await start(data, true);
  await first.crash();
  expect(await first.ended).toBe('by SIGKILL');
  expect(await answers(first.port)).toBe(false);
  const second = await start(data, true);
  expect(await answers(second.port)).toBe(true);
  expect(new URL(second.url).password).toBe(new URL(first.url).password);
});

test('a process of the database that outlives its postmaster keeps no other from starting', async () => {
  const data = join(directory, 'data');
  const first = await start(data, true);
  const { postmaster, cluster } = await readLock(data);
  const children = `/proc/${postmaster}/task/${postmaster}/children`;
  const [child = 0] = (await readFile(children, 'utf8')).trim().split(' ').map(Number);
  // As one that computes, and so does not look whether its postmaster is there.
  process.kill(child, 'SIGSTOP');
  process.kill(postmaster, 'SIGKILL');
  await first.ended;
  expect(await readlink(`/proc/${child}/cwd`)).toBe(cluster);
  await first.stop();
  const second = await start(data, true);
  expect(await answers(second.port)).toBe(true);
  await expect(readlink(`/proc/${child}/cwd`)).rejects.toThrow('ENOENT');
});

async function readLock(data: string): Promise<{ postmaster: number; cluster: string }> {
  const cluster = join(await homeOf(data), 'cluster');
  const lock = await readFile(join(cluster, 'postmaster.pid'), 'utf8');
  return { postmaster: Number.parseInt(lock, 10), cluster: await realpath(cluster) };
}
