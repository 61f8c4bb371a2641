// An image registry on this machine for tests: Debian's package docker-registry.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep } from '@rivet/base';
import { startProcess } from '@rivet/processes';

export interface TestRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  stop(): Promise<void>;
}

const READY_MS = 60_000;

/**
 * Starts a registry; a dead program says that docker-registry is missing (scripts/setup.sh installs
 * it).
 * @param htpasswd content of a password file (bcrypt); anybody may use the registry when undefined
 */
export async function startRegistry(htpasswd?: string): Promise<TestRegistry> {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-registry-'));
  const port = await freePort();
  const config = {
    version: '0.1',
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(directory, 'data') } },
    http: { addr: `127.0.0.1:${port}` },
    ...(htpasswd === undefined
      ? {}
      : { auth: { htpasswd: { realm: 'test', path: join(directory, 'htpasswd') } } }),
  };
  await writeFile(join(directory, 'config.yml'), JSON.stringify(config));
  if (htpasswd !== undefined) await writeFile(join(directory, 'htpasswd'), htpasswd);
  const registry = startProcess({
    file: 'docker-registry',
    args: ['serve', join(directory, 'config.yml')],
    env: { PATH: process.env.PATH },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
  });
  let ended = false;
  void registry.exit.then(() => {
    ended = true;
  });
  const deadline = performance.now() + READY_MS;
  while (!(await answers(port))) {
    if (ended || performance.now() > deadline) {
      throw new Error('docker-registry does not answer; scripts/setup.sh installs it');
    }
    await sleep(50);
  }
  return {
    host: `127.0.0.1:${port}`,
    async stop() {
      registry.kill('SIGTERM');
      await registry.exit;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function answers(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/v2/`);
    await response.body?.cancel();
    return response.status === 200 || response.status === 401;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
