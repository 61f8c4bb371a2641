// One process at a time works on a data directory. The kernel gives the lock back when its holder
// dies.
import { createHash } from 'node:crypto';
import { readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RivetError } from '@rivet/base';

export interface DirectoryLock {
  release(): Promise<void>;
}

/**
 * Takes the lock of `directory`: a listening socket named after it.
 * @throws RIVET_EMBEDDED_DATABASE_BUSY
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const holderFile = join(directory, 'holder.pid');
  const name = createHash('sha256')
    .update(await realpath(directory))
    .digest('hex')
    .slice(0, 32);
  const server = await listen(name);
  if (server === undefined) {
    const pid = (await readFile(holderFile, 'utf8').catch(() => 'unknown')).trim();
    throw RivetError.of('RIVET_EMBEDDED_DATABASE_BUSY', { directory, pid });
  }
  server.unref();
  await writeFile(holderFile, `${process.pid}\n`);
  let released: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    await rm(holderFile, { force: true });
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    release() {
      released ??= release();
      return released;
    },
  };
}

/** The server that is the lock; undefined when another process has it. */
async function listen(name: string): Promise<Server | undefined> {
  if (process.platform === 'linux') return tryListen(`\0rivet-database-${name}`);
  const path = join(tmpdir(), `rivet-${name}.sock`);
  const server = await tryListen(path);
  if (server !== undefined || (await answers(path))) return server;
  // A file without a listener is what a killed process left behind.
  await rm(path, { force: true });
  return tryListen(path);
}

function tryListen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => resolve(server));
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
