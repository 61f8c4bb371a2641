// The database server of a run of simulations: nothing of it is kept, nothing tidies up beside the
// histories, and it is reached without TCP, which costs as much as what is asked.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import { createFromTemplate, createTemplate, dropDatabase } from '@rivet/store';
import { startDatabaseServer } from '@rivet/testing';

const TEMPLATE = 'simulation';
/** Nobody looks at what the server does, and no table grows. */
const SETTINGS = {
  ...{ autovacuum: 'off', track_counts: 'off', track_activities: 'off', jit: 'off' },
  ...{ update_process_title: 'off', wal_level: 'minimal', max_wal_senders: '0' },
};

export interface SimulationServer {
  /** Works with the URL of a database of its own, with the schema and nothing in it. */
  withDatabase<T>(work: (url: string) => Promise<T>): Promise<T>;
  /** Ends the server and removes all that it had. */
  stop(): Promise<void>;
}

export async function startSimulationServer(): Promise<SimulationServer> {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-simulation-'));
  // Short: the path of a socket has 107 bytes at most.
  const sockets = await mkdtemp('/tmp/rivet-sockets-');
  // The server runs as another user, who must get to both.
  await chmod(directory, 0o711);
  await chmod(sockets, 0o777);
  const remove = async (): Promise<void> => {
    await rm(directory, { recursive: true, force: true });
    await rm(sockets, { recursive: true, force: true });
  };
  try {
    const server = await startDatabaseServer({
      dataDirectory: join(directory, 'database'),
      logger: silentLogger,
      ...{ persistent: false, durable: false },
      settings: { ...SETTINGS, unix_socket_directories: sockets },
    });
    const stop = async (): Promise<void> => {
      await server.stop();
      await remove();
    };
    let count = 0;
    try {
      await createTemplate(server.adminUrl, TEMPLATE);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return {
      stop,
      async withDatabase(work) {
        count += 1;
        const name = `simulation_${count}`;
        const url = await createFromTemplate(server.adminUrl, name, TEMPLATE);
        try {
          return await work(`${url}?host=${sockets}`);
        } finally {
          await dropDatabase(server.adminUrl, name);
        }
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
