// Ends the database of a process that was killed, so that its data directory can be used again.
import { readFile, readlink, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Logger, sleep } from '@rivet/base';
import { otherProcesses, type ProcessIdentity, signalProcess } from '@rivet/processes';

/** How to ask a postmaster to end, from the gentlest: fast, immediate, killed. */
const LADDER = [
  ['SIGINT', 10_000],
  ['SIGQUIT', 5000],
  ['SIGKILL', 5000],
] as const;
const BACKENDS_MS_MAX = 10_000;

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
  if (await isPostmasterOf(pid, cluster)) return;
  await killBackends(cluster);
  // PostgreSQL would take any process with a recycled id for the owner.
  await rm(lockFile, { force: true });
}

/**
 * Ends what outlives a postmaster that was killed: a backend notices its death only when it next
 * waits for something, and no other postmaster starts as long as it holds the shared memory.
 */
export async function killBackends(cluster: string): Promise<void> {
  if (process.platform !== 'linux') return;
  const directory = await realpath(cluster);
  const until = performance.now() + BACKENDS_MS_MAX;
  while (performance.now() < until) {
    let found = false;
    for await (const one of otherProcesses()) {
      if (!(await isBackendIn(one, directory))) continue;
      found = true;
      await signalProcess(one, 'SIGKILL');
    }
    if (!found) return;
    await sleep(25);
  }
}

/** Somebody may look around in the directory with a shell: the program's name counts too. */
async function isBackendIn({ pid }: ProcessIdentity, directory: string): Promise<boolean> {
  try {
    if ((await readlink(`/proc/${pid}/cwd`)) !== directory) return false;
    return (await readFile(`/proc/${pid}/comm`, 'utf8')).trim() === 'postgres';
  } catch {
    // It has ended, or is not ours to look at.
    return false;
  }
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
