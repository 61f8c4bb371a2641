// Where a cluster's files lie: in the data directory, or elsewhere when its account cannot get
// there.
import { chown, mkdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { uuidv7, writeFileAtomically } from '@rivet/base';
import { type Account, canReach } from './account.ts';

/**
 * For clusters whose data directory the database's account cannot reach, such as one below /root.
 */
const SHARED_DIRECTORY = '/var/lib/rivet/databases';

/**
 * The directory of the cluster, owned by the account. When it is not in `dataDirectory`, a file
 * `location` there says where it is, and keeps saying so.
 */
export async function clusterHome(
  dataDirectory: string,
  account: Account | undefined,
): Promise<string> {
  const data = resolve(dataDirectory);
  // Others may pass through but see nothing: the cluster itself is 0700.
  await mkdir(data, { recursive: true, mode: 0o711 });
  const home = (await noted(data)) ?? (await choose(data, account));
  await mkdir(home, { recursive: true, mode: 0o700 });
  if (account !== undefined && (await stat(home)).uid !== account.uid) {
    await chown(home, account.uid, account.gid);
  }
  return home;
}

async function noted(data: string): Promise<string | undefined> {
  const text = await readFile(join(data, 'location'), 'utf8').catch(() => undefined);
  return text?.trim();
}

async function choose(data: string, account: Account | undefined): Promise<string> {
  if (await canReach(account, data)) return join(data, 'postgresql');
  await mkdir(SHARED_DIRECTORY, { recursive: true, mode: 0o755 });
  const home = join(SHARED_DIRECTORY, uuidv7());
  await writeFileAtomically(join(data, 'location'), `${home}\n`, 0o644);
  return home;
}
