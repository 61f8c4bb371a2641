// The HTTP server as a part of the orchestrator: listens, shows its certificate, stops in order.
import type { AddressInfo } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import { createService, type Logger, RivetError, type Service } from '@rivet/base';
import type { FastifyInstance } from 'fastify';
import type { NetworkConfig } from '../network-config.ts';
import { type CertificateOptions, watchCertificate } from './certificate.ts';

/** What requests under way have when the server stops, in milliseconds. */
const CLOSE_MS_MAX = 10_000;

export interface HttpServiceOptions {
  readonly app: FastifyInstance;
  readonly network: NetworkConfig;
  /** The one that `app` was made with. */
  readonly certificate: CertificateOptions | undefined;
  readonly logger: Logger;
  /** Ends streams and polls, or the server would wait for them. */
  readonly beforeClose: () => void;
}

export interface HttpService extends Service {
  /** The address that is listened on; known after the start. */
  url(): string;
}

export function createHttpService(options: HttpServiceOptions): HttpService {
  const { app, network, certificate, logger, beforeClose } = options;
  const { host, port, certificate: files } = network;
  const watch =
    files && certificate
      ? watchCertificate({
          files,
          current: certificate,
          // With a certificate it is a server of TLS.
          use: (renewed) => (app.server as unknown as TlsServer).setSecureContext(renewed),
          logger,
        })
      : undefined;
  const service = createService('http', {
    async start() {
      try {
        await app.listen({ host, port });
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        const reason = code === 'EADDRINUSE' ? 'the port is in use' : message;
        const address = `${host}:${port}`;
        throw RivetError.of('RIVET_LISTEN_IN_USE', { address, reason }, error);
      }
      await watch?.start();
    },
    async stop() {
      await watch?.stop();
      beforeClose();
      // A connection that is kept alive after its last answer would hold the server open.
      const idle = setInterval(() => app.server.closeIdleConnections(), 20);
      const late = setTimeout(() => app.server.closeAllConnections(), CLOSE_MS_MAX);
      await app.close();
      clearInterval(idle);
      clearTimeout(late);
    },
  });
  const url = (): string => {
    const address = app.server.address() as AddressInfo;
    const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `${certificate === undefined ? 'http' : 'https'}://${name}:${address.port}`;
  };
  return { ...service, url };
}
