// The certificate that the server shows: read at the start, and again when its files change.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { createService, describeThrown, type Logger, RivetError, type Service } from '@rivet/base';

/** Absolute paths of PEM files: the chain, and the key of its first certificate. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export type CertificateOptions = SecureContextOptions & {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly minVersion: 'TLSv1.2';
};

/** How often the files are looked at, in milliseconds. */
const LOOK_MS = 5000;

/**
 * What TLS is done with.
 * @throws RIVET_TLS_INVALID when a file cannot be read, or the key is not that of the certificate
 */
export async function readCertificate(files: CertificateFiles): Promise<CertificateOptions> {
  const { certFile, keyFile } = files;
  const cert = await read(certFile);
  const key = await read(keyFile);
  try {
    const matches = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
    if (!matches) throw new Error('the key is not that of the certificate');
    const options = { cert, key, minVersion: 'TLSv1.2' } as const;
    createSecureContext(options);
    return options;
  } catch (error) {
    const names = `${certFile} with ${keyFile}`;
    throw RivetError.of(
      'RIVET_TLS_INVALID',
      { files: names, reason: describeThrown(error) },
      error,
    );
  }
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = describeThrown(error);
    throw RivetError.of('RIVET_TLS_INVALID', { files: path, reason }, error);
  }
}

/**
 * Calls `use` with a renewed certificate soon after its files were replaced. While they do not fit
 * each other, as between the writing of the two, the old one stays.
 */
export function watchCertificate(options: {
  readonly files: CertificateFiles;
  readonly current: CertificateOptions;
  readonly use: (renewed: CertificateOptions) => void;
  readonly logger: Logger;
  readonly everyMs?: number;
}): Service {
  const { files, use, logger, everyMs = LOOK_MS } = options;
  let { current } = options;
  let told = '';
  let looking: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    try {
      const found = await readCertificate(files);
      told = '';
      if (found.cert.equals(current.cert) && found.key.equals(current.key)) return;
      use(found);
      current = found;
      logger.info({ valid_to: new X509Certificate(found.cert).validTo }, 'a new certificate');
    } catch (error) {
      const reason = describeThrown(error);
      if (reason !== told) logger.warn({ err: error }, `the certificate stays as it is: ${reason}`);
      told = reason;
    }
  };
  return createService('certificate', {
    async start() {
      timer = setInterval(() => {
        looking ??= look().finally(() => {
          looking = undefined;
        });
      }, everyMs);
    },
    async stop() {
      clearInterval(timer);
      await looking;
    },
  });
}
