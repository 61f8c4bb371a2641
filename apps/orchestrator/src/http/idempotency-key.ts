// The key with which a client makes a launch repeatable.
import { RivetError } from '@rivet/base';
import type { FastifyRequest } from 'fastify';

/**
 * The key of a request; undefined when it has none.
 * @throws RIVET_REQUEST_INVALID
 */
export function readIdempotencyKey({ headers }: FastifyRequest): string | undefined {
  const header = headers['idempotency-key'];
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^[\x21-\x7e]{1,200}$/.test(header)) return header;
  const summary = 'the header idempotency-key needs 1 to 200 visible ASCII characters';
  throw RivetError.of('RIVET_REQUEST_INVALID', { summary });
}
