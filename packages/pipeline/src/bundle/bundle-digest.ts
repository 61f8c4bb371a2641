// The identity of a bundle: the same files give the same digest, in whatever order they come.
import { createHash } from 'node:crypto';
import type { PipelineBundle } from '@rivet/protocol';

/** SHA-256 in hex of the main file's name and of all files by path. */
export function bundleDigest(bundle: PipelineBundle): string {
  const files = Object.entries(bundle.files).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify({ main: bundle.main, files }))
    .digest('hex');
}
