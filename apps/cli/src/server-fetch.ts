// What a server is reached with: Node's `fetch`, or one that trusts a certificate authority of the
// installation's own and nobody else.
import { readFile } from 'node:fs/promises';
import { describeThrown, RivetError } from '@rivet/base';
import { type ClientOptions, createPinnedFetch } from '@rivet/protocol';
import { type Environment, readSetting } from './config-file.ts';
import type { Server } from './contexts.ts';

export type Fetch = NonNullable<ClientOptions['fetch']>;

/**
 * @throws RIVET_CA_INVALID when the file with certificates cannot be used
 */
export async function fetchFor({ url, stored }: Server, env: Environment): Promise<Fetch> {
  const path = await readSetting('ca_file', env, stored?.context.ca_file);
  // Over plain HTTP nobody shows a certificate.
  if (path === undefined || !url.startsWith('https:')) return globalThis.fetch;
  const source = `the file ${path}`;
  let pem: string;
  try {
    pem = await readFile(path, 'utf8');
  } catch (error) {
    throw RivetError.of('RIVET_CA_INVALID', { source, reason: describeThrown(error) }, error);
  }
  return createPinnedFetch(pem, source);
}
