// Which account the database runs as: PostgreSQL refuses to run as root.
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A user and group that processes can be started as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** In the order of preference; `nobody` is on every machine. */
const ACCOUNT_NAMES = ['postgres', 'nobody'];

/** The account to switch to; undefined where the database can run as whoever we are. */
export async function databaseAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of ACCOUNT_NAMES) {
    const fields = lines.find((line) => line[0] === name);
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new Error('this machine has neither an account "postgres" nor "nobody" to run it as');
}

/**
 * Whether the account can reach what is below `directory`: every directory up to the root lets it
 * pass.
 */
export async function canReach(account: Account | undefined, directory: string): Promise<boolean> {
  if (account === undefined) return true;
  let path = await realpath(directory);
  for (;;) {
    const { mode, uid, gid } = await stat(path);
    const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0;
    if (((mode >> shift) & 0o1) === 0) return false;
    const parent = dirname(path);
    if (parent === path) return true;
    path = parent;
  }
}
