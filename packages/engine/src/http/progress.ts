// How far one try of a request came, so that an error can say what it was doing.
import { formatDuration, RivetError } from '@rivet/base';

/** Written by whoever goes on with the try, read when it ends badly. */
export interface Progress {
  /** As it continues "it was …". */
  phase: string;
  /** Whether TLS of the hop has begun. */
  tls: boolean;
}

export function createProgress(): Progress {
  return { phase: 'waiting for its turn', tls: false };
}

/** What a request that took too long is answered with. */
export function timedOut(
  request: string,
  option: 'timeout' | 'connect_timeout',
  limitMs: number,
  { phase }: Progress,
): RivetError {
  const limit = formatDuration(limitMs);
  return RivetError.of('RIVET_HTTP_TIMEOUT', { request, option, limit, phase });
}
