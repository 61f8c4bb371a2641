// Says what went wrong with a connection or an answer in words of its own, with what to do.
import { formatSize, isRivetError, RivetError, toRivetError } from '@rivet/base';
import { showHost } from '../policy/http.ts';
import type { Destination } from './connect.ts';
import type { Progress } from './progress.ts';

const CONNECT_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'it was refused, nothing listens there (ECONNREFUSED)',
  ETIMEDOUT: 'the host did not answer (ETIMEDOUT)',
  EHOSTUNREACH: 'there is no way to the host (EHOSTUNREACH)',
  ENETUNREACH: 'there is no way to its network (ENETUNREACH)',
  ECONNRESET: 'it was reset (ECONNRESET)',
};

const TLS_REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself only',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an authority that is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an authority that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from an authority that is not trusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS on this port',
  EPROTO: 'it does not speak TLS that is understood',
};

/** What a connection that did not open is answered with. */
export function connectFailure(
  { request, host }: Destination,
  progress: Progress,
  error: unknown,
): RivetError {
  if (isRivetError(error)) return error;
  const code = codeOf(error);
  const details = { request, host: showHost(host) };
  if (progress.tls) {
    const reason = TLS_REASONS[code] ?? CONNECT_REASONS[code] ?? plainReason(error, code);
    return RivetError.of('RIVET_HTTP_TLS', { ...details, reason }, error);
  }
  const reason = CONNECT_REASONS[code] ?? plainReason(error, code);
  return RivetError.of('RIVET_HTTP_CONNECT', { ...details, reason }, error);
}

/** What an exchange that broke after the connection was open is answered with. */
export function exchangeFailure(request: string, progress: Progress, error: unknown): RivetError {
  if (isRivetError(error)) return error;
  const code = codeOf(error);
  if (code === 'UND_ERR_INVALID_ARG') return toRivetError(error);
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    const reason = `its headers are larger than ${formatSize(HEADER_BYTES_MAX)}`;
    return RivetError.of('RIVET_HTTP_INVALID', { request, reason }, error);
  }
  if (error instanceof Error && error.name === 'HTTPParserError') {
    const reason = `${plainReason(error, code)} while ${progress.phase}`;
    return RivetError.of('RIVET_HTTP_INVALID', { request, reason }, error);
  }
  const reason = BROKEN_REASONS[code] ?? plainReason(error, code);
  return RivetError.of('RIVET_HTTP_BROKEN', { request, phase: progress.phase, reason }, error);
}

const BROKEN_REASONS: Readonly<Record<string, string>> = {
  ECONNRESET: 'it was reset (ECONNRESET)',
  UND_ERR_SOCKET: 'the server closed it too early',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the server closed it too early',
  UND_ERR_BODY_TIMEOUT: 'nothing came for a minute',
};

/** Of the status line and all headers of an answer. */
export const HEADER_BYTES_MAX = 64 * 1024;

/** The code of an error; of one that stands for several tries, that of the first. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

const REASON_LENGTH_MAX = 200;

/** The message of an error on one line; libraries put much more there. */
function plainReason(error: unknown, code: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = message.split('\n', 1)[0]?.replaceAll(/\p{Cc}+/gu, ' ') ?? '';
  const short = line.slice(0, REASON_LENGTH_MAX);
  return code === '' || short.includes(code) ? short : `${short} (${code})`;
}
