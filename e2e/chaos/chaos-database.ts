// The database of a chaos: it crashes and comes back, and another one takes its place.
import { join } from 'node:path';
import { silentLogger, sleep } from '@rivet/base';
import {
  askDatabase,
  type DatabaseServer,
  startDatabaseServer,
  startStandby,
} from '@rivet/testing';
import { freePort } from '../installation.ts';
import { eventually } from './eventually.ts';

/** A crash of the server is none of the machine: nothing needs to reach the disk. */
const settings = { synchronous_commit: 'on', fsync: 'off', wal_keep_size: '64MB' };

export interface ChaosDatabase {
  /** Of the server that is the primary now. */
  readonly url: string;
  readonly port: number;
  /** Ends it as a crash does, and starts it again after `awayMs`. */
  crash(awayMs: number): Promise<void>;
  /**
   * A new server follows it until nothing is committed that both do not have, the old one crashes
   * for good, and the new one takes its place at another port.
   * @param onPromoted is told of that port
   */
  promoteStandby(onPromoted: (port: number) => void): Promise<void>;
  /** Stops it, and deletes its data. */
  remove(): Promise<void>;
}

/** Starts one with its data below `directory`. */
export async function startChaosDatabase(directory: string): Promise<ChaosDatabase> {
  const common = { logger: silentLogger, persistent: true, durable: false, settings };
  let options = { ...common, dataDirectory: join(directory, 'database-1'), port: await freePort() };
  let server = await startDatabaseServer(options);
  let servers = 1;
  let last: Promise<unknown> = Promise.resolve();
  /** One after the other, however the schedule puts them. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  return {
    get url() {
      return server.url;
    },
    get port() {
      return options.port;
    },
    crash: (awayMs) =>
      inTurn(async () => {
        await server.crash();
        await sleep(awayMs);
        server = await startDatabaseServer(options);
      }),
    promoteStandby: (onPromoted) =>
      inTurn(async () => {
        servers += 1;
        const dataDirectory = join(directory, `database-${servers}`);
        const { dataDirectory: primaryDirectory } = options;
        const old = server;
        const standby = await startStandby({
          ...{ primary: old, primaryDirectory, dataDirectory, settings },
        });
        try {
          await follow(old);
        } catch (error) {
          await discard(standby);
          // Otherwise every commit would wait for it until the end of the chaos.
          await setFollowers(old, '');
          throw error;
        }
        await old.crash();
        await askDatabase(standby.adminUrl, 'SELECT pg_promote()');
        server = standby;
        options = { ...common, dataDirectory, port: standby.port };
        onPromoted(standby.port);
        await old.remove();
      }),
    async remove() {
      await last;
      await discard(server);
    },
  };
}

/** From here on a commit waits for servers of these names, `*`: any, or for none. */
async function setFollowers(primary: DatabaseServer, names: '*' | ''): Promise<void> {
  await askDatabase(primary.adminUrl, `ALTER SYSTEM SET synchronous_standby_names = '${names}'`);
  await askDatabase(primary.adminUrl, 'SELECT pg_reload_conf()');
}

/** Resolves when nothing is committed that the server which follows does not have. */
async function follow(primary: DatabaseServer): Promise<void> {
  await setFollowers(primary, '*');
  await eventually(async () => {
    const text = `SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'`;
    if ((await askDatabase(primary.adminUrl, text)).length === 0) throw new Error('not yet');
  });
}

async function discard(server: DatabaseServer): Promise<void> {
  await server.stop();
  await server.remove();
}
