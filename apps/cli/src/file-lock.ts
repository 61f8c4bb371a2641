// A lock between processes, and between tasks of one, that no crash leaves behind: Lamport's
// bakery, with files named by the identity of their process as numbers.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RivetError, sleep } from '@rivet/base';
import { identifyProcess, isProcessAlive, type ProcessIdentity } from '@rivet/processes';

/** Who holds the lock may be talking to a server. */
const WAIT_MS_MAX = 60_000;
const POLL_MS = 15;

interface Claim {
  /** Unset while it still chooses its number. */
  readonly number: number | undefined;
  /** Unique in the machine; decides between equal numbers. */
  readonly holder: string;
}

let claims = 0;

/**
 * Runs `action` while no other process, and no other task of this one, has the lock of this path,
 * in the order in which they came. A process that died holds nothing: its files are named by its
 * identity, so everybody can tell, and removing them hits nobody else.
 * @throws RIVET_CLI_CONFIG_LOCKED after a minute
 */
export async function withFileLock<T>(path: string, action: () => Promise<T>): Promise<T> {
  const directory = `${path}.lock`;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  claims += 1;
  const ownNumber = claims;
  const holder = `${await ownName()}.${ownNumber}`;
  const choosing = join(directory, `choosing.${holder}`);
  let claim = choosing;
  try {
    await writeFile(choosing, '', { mode: 0o600 });
    const number = 1 + Math.max(0, ...(await readClaims(directory)).map((c) => c.number ?? 0));
    claim = join(directory, `${number}.${holder}`);
    // First the number, then the end of the choice: whoever looks sees one of them.
    await writeFile(claim, '', { mode: 0o600 });
    await rm(choosing);
    await waitForTurn(path, directory, { number, holder });
    return await action();
  } finally {
    await rm(choosing, { force: true });
    await rm(claim, { force: true });
  }
}

async function waitForTurn(
  path: string,
  directory: string,
  own: { number: number; holder: string },
): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  const isBefore = ({ number, holder }: Claim): boolean =>
    number !== undefined && (number < own.number || (number === own.number && holder < own.holder));
  // Two looks: whoever has stopped choosing before the first one ended is seen by the second.
  for (const blocks of [({ number }: Claim) => number === undefined, isBefore]) {
    for (;;) {
      const rivals = (await readClaims(directory)).filter((claim) => claim.holder !== own.holder);
      const [first] = await living(directory, rivals.filter(blocks));
      if (first === undefined) break;
      if (performance.now() > deadline) {
        const { pid } = identityOf(first.holder);
        throw RivetError.of('RIVET_CLI_CONFIG_LOCKED', { path, pid });
      }
      await sleep(POLL_MS);
    }
  }
}

/** Of these claims those of processes that run; the files of the others are removed. */
async function living(directory: string, found: readonly Claim[]): Promise<Claim[]> {
  const alive: Claim[] = [];
  for (const claim of found) {
    if (await isProcessAlive(identityOf(claim.holder))) alive.push(claim);
    else
      await rm(join(directory, `${claim.number ?? 'choosing'}.${claim.holder}`), { force: true });
  }
  return alive;
}

async function readClaims(directory: string): Promise<Claim[]> {
  return (await readdir(directory)).flatMap((name) => {
    const [, number, holder] =
      /^(choosing|\d{1,15})\.([0-9a-f-]{36}\.\d{1,10}\.\d{1,15}\.\d{1,10})$/.exec(name) ?? [];
    if (holder === undefined) return [];
    return [{ holder, number: number === 'choosing' ? undefined : Number(number) }];
  });
}

async function ownName(): Promise<string> {
  const identity = await identifyProcess(process.pid);
  if (identity === undefined) throw new Error('/proc does not show this process; mount it');
  return `${identity.bootId}.${identity.pid}.${identity.startTicks}`;
}

function identityOf(holder: string): ProcessIdentity {
  const [bootId = '', pid, startTicks] = holder.split('.');
  return { bootId, pid: Number(pid), startTicks: Number(startTicks) };
}
