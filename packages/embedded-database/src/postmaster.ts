// Runs the database server of a cluster as a child that ends with us, also when we are killed.
import { chown, open, readFile, stat, truncate } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { sleep } from '@rivet/base';
import { type HostProcess, startProcess } from '@rivet/processes';
import type { Account } from './account.ts';
import { lastWords } from './initialize.ts';

/**
 * Starts the server and watches a pipe from us: when it closes, because we stop or died, the server
 * gets SIGINT, which PostgreSQL calls a fast shutdown. $0 is its log, the rest the command.
 */
const SUPERVISOR = `
"$@" 3<&- </dev/null >>"$0" 2>&1 &
server=$!
( read -r _ <&3; kill -INT $server ) 2>/dev/null &
watcher=$!
exec 3<&-
wait $server
code=$?
kill $watcher 2>/dev/null
exit $code`;

const LOG_BYTES_MAX = 10 * 1024 * 1024;
const START_MS_MAX = 60_000;
const STOP_MS_MAX = 20_000;

export interface PostmasterOptions {
  readonly postgres: string;
  readonly cluster: string;
  readonly logFile: string;
  readonly account: Account | undefined;
  readonly port: number;
  /** False: nothing is flushed to disk, for data that may be lost. */
  readonly durable: boolean;
  /** Further settings, which win over ours. */
  readonly settings: Readonly<Record<string, string>>;
  /** Of its environment, besides ours. */
  readonly env: Readonly<Record<string, string>>;
}

export type StartResult =
  | { readonly ok: true; readonly server: HostProcess }
  | { readonly ok: false; readonly reason: string; readonly portTaken: boolean };

/**
 * Resolves when the server accepts connections, or with what its log says about why it does not.
 */
export async function startPostmaster(options: PostmasterOptions): Promise<StartResult> {
  const logBytes = await prepareLog(options.logFile, options.account);
  const server = startProcess({
    file: '/bin/sh',
    args: ['-c', SUPERVISOR, options.logFile, options.postgres, ...serverArguments(options)],
    cwd: options.cluster,
    env: { LC_ALL: 'C', TZ: 'UTC', PATH: process.env.PATH, ...options.env },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
    extraPipes: 1,
    // Ctrl-C at the terminal is for us; the server must outlive what still uses it.
    group: true,
    ...options.account,
  });
  for (const pipe of server.pipes) pipe.on('error', () => undefined);
  const until = performance.now() + START_MS_MAX;
  while (server.running && performance.now() < until) {
    if (await isReady(options.cluster)) return { ok: true, server };
    await sleep(20);
  }
  const late = server.running;
  await stopPostmaster(server);
  const said = (await readFile(options.logFile)).subarray(logBytes).toString('utf8');
  const reason = late ? `not ready after ${START_MS_MAX / 1000} s` : lastWords(said, null);
  return { ok: false, reason, portTaken: said.includes('could not bind') };
}

/** Fast shutdown; killed with everything it started when that takes too long. */
export async function stopPostmaster(server: HostProcess): Promise<void> {
  for (const pipe of server.pipes) pipe.destroy();
  const timer = setTimeout(() => server.kill('SIGKILL'), STOP_MS_MAX);
  await server.exit;
  clearTimeout(timer);
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

function serverArguments(options: PostmasterOptions): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port: String(options.port),
    max_connections: '200',
    shared_buffers: '64MB',
    // In its own directory: what a killed server has in /dev/shm stays there when that is deleted.
    dynamic_shared_memory_type: 'mmap',
    log_min_messages: 'warning',
    ...(options.durable
      ? {}
      : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
    ...options.settings,
  };
  const pairs = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return ['-D', options.cluster, ...pairs];
}

/** The eighth line of the lock file says what the server does; pg_ctl goes by it too. */
async function isReady(cluster: string): Promise<boolean> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  return /^(ready|standby)$/.test(text.split('\n')[7]?.trim() ?? '');
}

async function prepareLog(path: string, account: Account | undefined): Promise<number> {
  await (await open(path, 'a', 0o600)).close();
  if (account !== undefined) await chown(path, account.uid, account.gid);
  const { size } = await stat(path);
  if (size <= LOG_BYTES_MAX) return size;
  await truncate(path);
  return 0;
}
