// An error as the log of a job shows it: where, why, the source line, what to do.
import type { RivetError } from '@rivet/base';
import { renderLuaError } from '@rivet/lua';

/** Several lines; the first begins with `file:line:` when the place is known. */
export function renderFailure(error: RivetError): string {
  return renderLuaError(error);
}
