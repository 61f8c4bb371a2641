// pgbouncer in front of a database: each transaction gets another connection.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, connect as openSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep } from '@rivet/base';
import { startProcess } from '@rivet/processes';

export interface TestPooler {
  /** Of the same database, through the pooler. */
  readonly url: string;
  stop(): Promise<void>;
}

const READY_MS = 60_000;

/**
 * Starts pgbouncer in transaction mode, with fewer connections than ask, so that they are shared.
 * @param databaseUrl the database itself
 */
export async function startPooler(databaseUrl: string): Promise<TestPooler> {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-pooler-'));
  const { hostname, port, username, password, pathname } = new URL(databaseUrl);
  const ownPort = await freePort();
  const server = `host=${hostname} port=${port} user=${username} password=${password}`;
  const config = [
    '[databases]',
    `* = ${server}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${ownPort}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = transaction',
    'default_pool_size = 10',
    'max_client_conn = 200',
    '',
  ].join('\n');
  const file = join(directory, 'pgbouncer.ini');
  await writeFile(file, config);
  // It refuses to run as root.
  await chmod(directory, 0o755);
  const child = startProcess({
    file: 'pgbouncer',
    args: ['--quiet', file],
    env: { PATH: process.env.PATH, LD_LIBRARY_PATH: librariesOfPrograms() },
    cwd: '/',
    stdin: 'ignore',
    ...(process.getuid?.() === 0 && { uid: 65_534, gid: 65_534 }),
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-2000);
    });
  }
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await child.exit;
    await rm(directory, { recursive: true, force: true });
  };
  const deadline = performance.now() + READY_MS;
  while (!(await listens(ownPort))) {
    if (!child.running || performance.now() > deadline) {
      await stop();
      throw new Error(`pgbouncer does not answer; scripts/setup.sh installs it: ${said}`);
    }
    await sleep(50);
  }
  return { url: `postgres://${username}@127.0.0.1:${ownPort}${pathname}`, stop };
}

/** Of what scripts/test-programs.sh has unpacked: next to its programs in PATH. */
function librariesOfPrograms(): string {
  const unpacked = process.env.PATH?.split(':').find((path) =>
    path.endsWith('.setup/programs/usr/sbin'),
  );
  const machine = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  return unpacked === undefined ? '' : join(unpacked, '../lib', machine);
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = openSocket({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
