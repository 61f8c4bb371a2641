// Whether a port of this machine can be listened on.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { RivetError } from '@rivet/base';

/**
 * Listens for a moment, so that a port in use is told before anything is started.
 * @throws RIVET_LISTEN_IN_USE
 */
export async function refuseUsedPort(host: string, port: number): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason =
      code === 'EADDRINUSE'
        ? 'another program uses the port'
        : code === 'EACCES'
          ? 'only root may use ports below 1024'
          : message;
    throw RivetError.of(
      'RIVET_LISTEN_IN_USE',
      {
        address: `${host}:${port}`,
        reason,
        hint: 'Stop that program, or choose another port with --port (0 takes a free one).',
      },
      error,
    );
  } finally {
    server.close();
  }
}
