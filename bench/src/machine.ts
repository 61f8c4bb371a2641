// Describes the machine of a result: what a reader needs to compare, and nothing that names it.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import { startEmbeddedDatabase } from '@rivet/embedded-database';
import { createDatabase } from '@rivet/store';
import { runCommand } from './command.ts';

export interface Machine {
  readonly processors: number;
  readonly processor: string;
  readonly memoryGb: number;
  readonly system: string;
  readonly kernel: string;
  readonly node: string;
  readonly podman: string;
  readonly postgresql: string;
  /** What makes a commit durable, as PostgreSQL says it is set. */
  readonly durability: string;
  /** Processes that wanted a processor in the minute before, by the kernel: above 0.5 is noise. */
  readonly loadBefore: number;
}

export async function describeMachine(): Promise<Machine> {
  const [podman, postgres, system] = await Promise.all([
    runCommand('podman', ['--version']).catch(() => 'none'),
    describePostgres(),
    describeSystem(),
  ]);
  return {
    processors: availableParallelism(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 1e9),
    system,
    kernel: release(),
    node: process.version,
    podman: podman.replace('podman version', '').trim(),
    ...postgres,
    loadBefore: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

async function describeSystem(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^PRETTY_NAME="?([^"\n]+)/m.exec(text)?.[1] ?? process.platform;
}

async function describePostgres(): Promise<Pick<Machine, 'postgresql' | 'durability'>> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'rivet-bench-database-'));
  const embedded = await startEmbeddedDatabase({
    dataDirectory,
    logger: silentLogger,
    persistent: false,
  });
  const database = createDatabase({
    url: embedded.url,
    applicationName: 'rivet-bench',
    logger: silentLogger,
    connectionsMax: 1,
  });
  try {
    const rows = await database.query<{ name: string; setting: string }>({
      name: 'describe_settings',
      text: `SELECT name, setting FROM pg_settings WHERE name IN
        ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method')
        ORDER BY name`,
      repeatable: true,
    });
    const settings = rows.filter(({ name }) => name !== 'server_version');
    return {
      postgresql: rows.find(({ name }) => name === 'server_version')?.setting ?? 'unknown',
      durability: settings.map(({ name, setting }) => `${name}=${setting}`).join(', '),
    };
  } finally {
    await database.close();
    await embedded.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  }
}
