// Starts and stops the embedded database: programs, directory, cluster, server, in this order.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeThrown, isRivetError, type Logger, RivetError } from '@rivet/base';
import type { HostProcess, ProcessExit } from '@rivet/processes';
import { type Account, databaseAccount } from './account.ts';
import { clusterHome } from './cluster-home.ts';
import { lockDirectory } from './directory-lock.ts';
import { DATABASE_NAME, openCluster } from './initialize.ts';
import { killBackends, stopLeftover } from './leftover.ts';
import { freePort, startPostmaster, stopPostmaster } from './postmaster.ts';
import { findPrograms } from './programs.ts';

export interface EmbeddedDatabaseOptions {
  /** Made when it is not there. One process at a time may use it. */
  readonly dataDirectory: string;
  /** 0 or absent: a free one. */
  readonly port?: number;
  readonly logger: Logger;
  /** False: the data directory is removed by `stop`. */
  readonly persistent: boolean;
  /** False: faster, and a crash of the machine may lose the data. For tests. True when absent. */
  readonly durable?: boolean;
  /** Further settings of the server by their names in PostgreSQL; for benchmarks. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Further variables of the server's environment; for tests. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface EmbeddedDatabase {
  /** Of the database that Rivet uses. */
  readonly url: string;
  /** Of the database `postgres`, with the right to make others. */
  readonly adminUrl: string;
  readonly port: number;
  /** Resolves with how the server ended ("with exit code 1", "by SIGKILL"), whoever ended it. */
  readonly ended: Promise<string>;
  /** Ends the server; safe to call twice. */
  stop(): Promise<void>;
  /** Ends the server as the death of its machine does: nothing is said, written or removed. */
  crash(): Promise<void>;
}

const PORT_TRIES = 5;

/**
 * Starts PostgreSQL on 127.0.0.1. It ends with this process, also when that is killed; what a
 * killed one left behind is cleaned up by the next start.
 * @throws RIVET_EMBEDDED_DATABASE_MISSING, _BUSY, _VERSION, _FAILED
 */
export async function startEmbeddedDatabase(
  options: EmbeddedDatabaseOptions,
): Promise<EmbeddedDatabase> {
  const { dataDirectory } = options;
  try {
    const account = await databaseAccount();
    const home = await clusterHome(dataDirectory, account);
    const lock = await lockDirectory(dataDirectory);
    try {
      const { server, port, password } = await startIn(home, account, options);
      const url = `postgres://${DATABASE_NAME}:${password}@127.0.0.1:${port}`;
      let stopped: Promise<void> | undefined;
      const stop = async (): Promise<void> => {
        await stopPostmaster(server);
        if (!options.persistent) {
          await rm(home, { recursive: true, force: true });
          await rm(dataDirectory, { recursive: true, force: true });
        }
        await lock.release();
      };
      return {
        url: `${url}/${DATABASE_NAME}`,
        adminUrl: `${url}/postgres`,
        port,
        ended: server.exit.then(describeEnd),
        stop() {
          stopped ??= stop();
          return stopped;
        },
        async crash() {
          server.kill('SIGKILL');
          await server.exit;
          await killBackends(join(home, 'cluster'));
          await lock.release();
        },
      };
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    if (isRivetError(error)) throw error;
    const reason = describeThrown(error);
    throw RivetError.of(
      'RIVET_EMBEDDED_DATABASE_FAILED',
      { directory: dataDirectory, reason },
      error,
    );
  }
}

async function startIn(
  home: string,
  account: Account | undefined,
  options: EmbeddedDatabaseOptions,
): Promise<{ server: HostProcess; port: number; password: string }> {
  const durable = options.durable ?? true;
  const programs = await findPrograms(account);
  await stopLeftover(join(home, 'cluster'), options.logger);
  const cluster = await openCluster(home, programs, account, durable);
  const logFile = join(home, 'postgresql.log');
  for (let tried = 1; ; tried += 1) {
    const port = options.port === undefined || options.port === 0 ? await freePort() : options.port;
    const result = await startPostmaster({
      postgres: programs.postgres,
      cluster: cluster.directory,
      logFile,
      account,
      port,
      durable,
      settings: options.settings ?? {},
      env: options.env ?? {},
    });
    if (result.ok) {
      options.logger.debug({ port, home }, 'the embedded database runs');
      return { server: result.server, port, password: cluster.password };
    }
    // Between choosing a free port and using it somebody else may have taken it.
    const again = result.portTaken && options.port !== port && tried < PORT_TRIES;
    if (again) continue;
    const reason = `${result.reason} (log: ${logFile})`;
    throw RivetError.of('RIVET_EMBEDDED_DATABASE_FAILED', { directory: home, reason });
  }
}

function describeEnd(exit: ProcessExit): string {
  return exit.signal === null ? `with exit code ${exit.code}` : `by ${exit.signal}`;
}
