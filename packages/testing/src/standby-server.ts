// Copies of a database server: a standby, which follows by streaming replication and can be
// promoted, and a server of the past.
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger, sleep } from '@rivet/base';
import { clusterHome, databaseAccount } from '@rivet/embedded-database';
import { startProcess } from '@rivet/processes';
import { createDatabase } from '@rivet/store';
import { type DatabaseServer, startDatabaseServer } from './database-server.ts';
import { askDatabase } from './faults/ask-database.ts';

const PROMOTED_MS = 60_000;

export interface StandbyOptions {
  /** The one that is followed; it was started with `dataDirectory`. */
  readonly primary: DatabaseServer;
  readonly primaryDirectory: string;
  readonly dataDirectory: string;
  /** Of the standby. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Copies a primary while it runs, and starts the copy as its standby. */
export async function startStandby(options: StandbyOptions): Promise<DatabaseServer> {
  const { primary, dataDirectory } = options;
  await copyCluster(options);
  await writeInCluster(dataDirectory, 'standby.signal');
  const { username, password, hostname, port } = new URL(primary.adminUrl);
  return startDatabaseServer({
    dataDirectory,
    logger: silentLogger,
    persistent: true,
    settings: {
      primary_conninfo: `host=${hostname} port=${port} user=${username} password=${password} application_name=standby`,
      wal_receiver_status_interval: '1s',
      fsync: 'off',
      ...options.settings,
    },
  });
}

/**
 * Makes a base backup of a server that runs, as administrators do.
 * @returns restores it with PostgreSQL's own means: starts a server with what was there at the
 *   restore point, once the first one has ended; its WAL is the archive
 */
export async function takeBaseBackup(
  options: StandbyOptions,
): Promise<(restorePoint: string) => Promise<DatabaseServer>> {
  const { primaryDirectory, dataDirectory, settings } = options;
  await copyCluster(options);
  return async (restorePoint) => {
    const home = await clusterHome(primaryDirectory, await databaseAccount());
    await writeInCluster(dataDirectory, 'recovery.signal');
    const server = await startDatabaseServer({
      dataDirectory,
      logger: silentLogger,
      persistent: true,
      settings: {
        restore_command: `cp "${join(home, 'cluster/pg_wal')}/%f" "%p"`,
        recovery_target_name: restorePoint,
        recovery_target_action: 'promote',
        ...settings,
      },
    });
    await promoted(server);
    return server;
  };
}

/** It lets readers in before it has come to the moment, and writers only then. */
async function promoted({ adminUrl }: DatabaseServer): Promise<void> {
  const deadline = performance.now() + PROMOTED_MS;
  const text = 'SELECT 1 WHERE pg_is_in_recovery()';
  while ((await askDatabase(adminUrl, text)).length > 0) {
    if (performance.now() > deadline) throw new Error('the server is still in recovery');
    await sleep(50);
  }
}

async function copyCluster(options: StandbyOptions): Promise<void> {
  const { primary, primaryDirectory, dataDirectory } = options;
  const account = await databaseAccount();
  const from = await clusterHome(primaryDirectory, account);
  const to = await clusterHome(dataDirectory, account);
  const label = await withBackup(primary.adminUrl, async () => {
    await copy(join(from, 'cluster'), join(to, 'cluster'));
    await copy(join(from, 'password'), join(to, 'password'));
  });
  await rm(join(to, 'cluster/postmaster.pid'), { force: true });
  await writeInCluster(dataDirectory, 'backup_label', label);
}

/** A file that belongs to the account of the server. */
async function writeInCluster(dataDirectory: string, name: string, content = ''): Promise<void> {
  const account = await databaseAccount();
  const file = join(await clusterHome(dataDirectory, account), 'cluster', name);
  await writeFile(file, content);
  if (account !== undefined) await chown(file, account.uid, account.gid);
}

/** Runs `work` while the files may be copied; gives the content of `backup_label`. */
async function withBackup(url: string, work: () => Promise<void>): Promise<string> {
  const database = createDatabase({ url, applicationName: 'standby', logger: silentLogger });
  const client = await database.connect();
  try {
    await client.query(`SELECT pg_backup_start('standby', true)`);
    await work();
    const { rows } = await client.query<{ labelfile: string }>(
      'SELECT labelfile FROM pg_backup_stop(false)',
    );
    return rows[0]?.labelfile ?? '';
  } finally {
    await client.end();
    await database.close();
  }
}

/** With owners and modes, as the server insists on them. */
async function copy(from: string, to: string): Promise<void> {
  await mkdir(join(to, '..'), { recursive: true });
  const child = startProcess({
    file: 'cp',
    args: ['-a', from, to],
    env: { PATH: process.env.PATH },
    stdin: 'ignore',
  });
  const { code } = await child.exit;
  // 1: a file went away meanwhile, which a backup bears.
  if (code !== 0 && code !== 1) throw new Error(`cp ended with ${code}`);
}
