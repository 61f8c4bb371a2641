// How large the files of a pipeline may be, and the error for one that is larger.
import { formatSize, RivetError } from '@rivet/base';

/** Bytes of one file. */
export const SOURCE_BYTES_MAX = 1024 * 1024;
/** Bytes of all files together. */
export const BUNDLE_BYTES_MAX = 10 * 1024 * 1024;
export const BUNDLE_FILES_MAX = 1000;

/**
 * The error for `what` of `bytes` where `limit` bytes are allowed; exact when the two are close.
 */
export function tooLarge(what: string, bytes: number, limit: number): RivetError {
  const close = bytes < limit * 1.1;
  return RivetError.of('RIVET_PIPELINE_TOO_LARGE', {
    what,
    found: close ? `${bytes} bytes` : formatSize(bytes),
    limit: close ? `${limit} bytes` : formatSize(limit),
  });
}
