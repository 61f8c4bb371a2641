// Credentials for a registry, in a file that only Podman reads and that is gone after the call.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SecretText } from '@rivet/base';
import { qualifyImageName } from '@rivet/containers';
import type { ModuleCall } from '../host-function.ts';

export interface Credentials {
  readonly username: string | SecretText;
  readonly password: string | SecretText;
}

/** Runs `action` with the file for the registry of `image`; without credentials there is none. */
export async function withCredentials<T>(
  { job }: ModuleCall,
  image: string,
  credentials: Credentials | undefined,
  action: (authFile: string | undefined) => Promise<T>,
): Promise<T> {
  if (credentials === undefined) return await action(undefined);
  const directory = join(job.host.stateDirectory, 'registries');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, `${job.nextId()}.json`);
  const name = qualifyImageName(image);
  const registry = name.slice(0, name.indexOf('/'));
  const words = [plain(credentials.username), plain(credentials.password)];
  const auth = Buffer.from(words.join(':')).toString('base64');
  try {
    await writeFile(file, JSON.stringify({ auths: { [registry]: { auth } } }), {
      mode: 0o600,
      flag: 'wx',
    });
    return await action(file);
  } finally {
    await rm(file, { force: true });
  }
}

function plain(text: string | SecretText): string {
  return text instanceof SecretText ? text.reveal() : text;
}
