// The error of an answer whose status says that the request failed.
import { isUtf8 } from 'node:buffer';
import { STATUS_CODES } from 'node:http';
import { RivetError } from '@rivet/base';

const QUOTED_LENGTH_MAX = 500;

/**
 * @param request how messages name the request
 * @param body its beginning is quoted, as far as it is text
 */
export function statusFailure(request: string, status: number, body: Buffer): RivetError {
  const text = isUtf8(body) ? body.toString('utf8').replaceAll(/[^\P{Cc}\n\t]+/gu, ' ') : '';
  const shown = text.trim();
  const quoted = shown.length > QUOTED_LENGTH_MAX ? `${shown.slice(0, QUOTED_LENGTH_MAX)}…` : shown;
  const name = STATUS_CODES[status];
  return RivetError.of('RIVET_HTTP_STATUS', {
    request,
    answer: name === undefined ? String(status) : `${status} ${name}`,
    body: quoted === '' ? '' : `:\n${quoted}`,
    status,
  });
}
