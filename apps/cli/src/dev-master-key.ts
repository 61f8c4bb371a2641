// The master key of `rivet dev`: made once, kept beside the database that it belongs to.
import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '@rivet/base';
import type { Environment } from './config-file.ts';

const SETTINGS = ['RIVET_MASTER_KEY', 'RIVET_MASTER_KEY_FILE', 'RIVET_MASTER_KEY_COMMAND'];
const KEY_BYTES = 32;

/**
 * What an orchestrator needs in its environment to find its master key: what our own environment
 * has of it, else the file in the data directory, which only its owner can read. Who
 * has both the key and the database has the secrets: a server keeps them apart, a laptop need not.
 */
export async function devMasterKey(directory: string, env: Environment): Promise<Environment> {
  const given = Object.entries(env).filter(([name]) => name.startsWith('RIVET_MASTER_KEY'));
  if (given.some(([name, value]) => SETTINGS.includes(name) && value !== '')) {
    return Object.fromEntries(given);
  }
  const path = join(directory, 'master-key');
  try {
    await access(path);
  } catch {
    // Two that start together fail at the database of this directory, which only one can have.
    await writeFileAtomically(path, `${randomBytes(KEY_BYTES).toString('base64')}\n`);
  }
  return { RIVET_MASTER_KEY_FILE: path };
}
