// A standby of a database server: it follows by streaming replication and can be promoted.
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import { clusterHome, databaseAccount } from '@rivet/embedded-database';
import { startProcess } from '@rivet/processes';
import { createDatabase } from '@rivet/store';
import { type DatabaseServer, startDatabaseServer } from './database-server.ts';

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
  const { primary, primaryDirectory, dataDirectory } = options;
  const account = await databaseAccount();
  const from = await clusterHome(primaryDirectory, account);
  const to = await clusterHome(dataDirectory, account);
  const label = await withBackup(primary.adminUrl, async () => {
    await copy(join(from, 'cluster'), join(to, 'cluster'));
    await copy(join(from, 'password'), join(to, 'password'));
  });
  const cluster = join(to, 'cluster');
  await rm(join(cluster, 'postmaster.pid'), { force: true });
  for (const [name, content] of [
    ['backup_label', label],
    ['standby.signal', ''],
  ] as const) {
    await writeFile(join(cluster, name), content);
    if (account !== undefined) await chown(join(cluster, name), account.uid, account.gid);
  }
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
