// Ends the database of a process that was killed, so that its data directory can be used again.
import { readFile, readlink, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Logger, sleep } from '@rivet/base';

/** How to ask a postmaster to end, from the gentlest: fast, immediate, killed. */
const LADDER = [
  ['SIGINT', 10_000],
  ['SIGQUIT', 5000],
  ['SIGKILL', 5000],
] as const;

/** Stops whatever runs on the cluster and removes a lock file that nobody holds. */
export async function stopLeftover(cluster: string, logger: Logger): Promise<void> {
  const lockFile = join(cluster, 'postmaster.pid');
  const content = await readFile(lockFile, 'utf8').catch(() => undefined);
  if (content === undefined) return;
  const pid = Number.parseInt(content, 10);
  if (await isPostmasterOf(pid, cluster)) {
    logger.warn({ pid, cluster }, 'stopping the database of a process that died');
    for (const [signal, graceMs] of LADDER) {
      if (await endsAfter(pid, cluster, signal, graceMs)) break;
    }
  }
  // PostgreSQL would take any process with a recycled id for the owner.
  if (!(await isPostmasterOf(pid, cluster))) await rm(lockFile, { force: true });
}

async function endsAfter(
  pid: number,
  cluster: string,
  signal: NodeJS.Signals,
  graceMs: number,
): Promise<boolean> {
  const until = performance.now() + graceMs;
  try {
    process.kill(pid, signal);
  } catch {
    return true;
  }
  while (performance.now() < until) {
    if (!(await isPostmasterOf(pid, cluster))) return true;
    await sleep(25);
  }
  return false;
}

/** A postmaster works in its data directory, which tells it from a process that has got its id. */
async function isPostmasterOf(pid: number, cluster: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  try {
    process.kill(pid, 0);
    if (process.platform !== 'linux') return true;
    return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(cluster));
  } catch {
    return false;
  }
}
