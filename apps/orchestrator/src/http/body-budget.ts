// How much of large bodies is held at once: many that come together, or slowly, must not fill the
// memory.
import { RivetError } from '@rivet/base';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../auth/principal.ts';

const MEGABYTE = 1024 * 1024;

interface BodyLimits {
  /** Smaller bodies are not counted. */
  readonly countedBytes: number;
  readonly totalBytes: number;
  /** Of one user, runner or address, so that nobody takes all of it. */
  readonly callerBytes: number;
}

/** A quarter for each caller: at least the largest body, and another one beside it. */
const bodyLimits: BodyLimits = {
  countedBytes: 64 * 1024,
  totalBytes: 256 * MEGABYTE,
  callerBytes: 64 * MEGABYTE,
};

export interface BodyBudget {
  /**
   * Reserves room for the body of a request until its answer has been sent or its connection is
   * gone. To be called before the body is read.
   * @throws RIVET_SERVER_BUSY
   */
  reserve(request: FastifyRequest, reply: FastifyReply): void;
  readonly bytes: number;
}

export function createBodyBudget(limits: BodyLimits = bodyLimits): BodyBudget {
  const byCaller = new Map<string, number>();
  let total = 0;
  return {
    get bytes() {
      return total;
    },
    reserve(request, reply) {
      const bytes = declaredBytes(request);
      if (bytes <= limits.countedBytes) return;
      const caller = callerOf(request.principal, request.ip);
      const held = byCaller.get(caller) ?? 0;
      if (total + bytes > limits.totalBytes || held + bytes > limits.callerBytes) {
        // What comes of it would have to be read and thrown away.
        reply.header('connection', 'close');
        throw RivetError.of('RIVET_SERVER_BUSY', {});
      }
      total += bytes;
      byCaller.set(caller, held + bytes);
      reply.raw.once('close', () => {
        total -= bytes;
        const left = (byCaller.get(caller) ?? 0) - bytes;
        if (left > 0) byCaller.set(caller, left);
        else byCaller.delete(caller);
      });
    },
  };
}

/** In chunks it may be as large as the route takes. */
function declaredBytes({ headers, routeOptions, method }: FastifyRequest): number {
  if (method === 'GET') return 0;
  const limit = routeOptions.bodyLimit;
  if (headers['transfer-encoding'] !== undefined) return limit;
  // More than the limit is refused before it is read.
  return Math.min(Number(headers['content-length'] ?? 0), limit);
}

function callerOf(principal: Principal, address: string): string {
  switch (principal.kind) {
    case 'person':
      return `person ${principal.userId}`;
    case 'runner':
      return `runner ${principal.runnerId}`;
    case 'registration':
      return `registration ${principal.tokenId}`;
    case 'anonymous':
      return `address ${address}`;
  }
}
