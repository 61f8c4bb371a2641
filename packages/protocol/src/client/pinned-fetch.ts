// A `fetch` that trusts exactly one certificate authority: for servers with certificates of a
// private one.
import { X509Certificate } from 'node:crypto';
import { RivetError } from '@rivet/base';
import type { Fetch } from './fetch.ts';
import { createHttpFetch } from './http-fetch.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Makes a `fetch` for https addresses whose certificates the authorities in `pem` have signed, and
 * nobody else.
 * @param pem one or more certificates
 * @param source where they come from, for the message
 * @throws RIVET_CA_INVALID when `pem` holds no certificate
 */
export function createPinnedFetch(pem: string, source: string): Fetch {
  const certificates = pem.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) {
    throw RivetError.of('RIVET_CA_INVALID', { source, reason: 'it holds no certificate' });
  }
  try {
    // TLS itself passes over what it cannot read.
    for (const certificate of certificates) new X509Certificate(certificate);
  } catch (error) {
    const reason = (error as Error).message;
    throw RivetError.of('RIVET_CA_INVALID', { source, reason }, error);
  }
  return createHttpFetch(pem);
}
