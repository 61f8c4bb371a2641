// How a container ends: removing it, and what Podman knows about one that ended by itself.
import { RivetError, sleep } from '@rivet/base';
import { essence, type PodmanCli } from './cli.ts';

const REMOVE_TIMEOUT_MS = 2 * 60_000;
const REMOVE_TRIES = 3;
const QUERY_TIMEOUT_MS = 30_000;

/**
 * Removes containers with whatever runs in them; those that are gone are fine.
 * @param globalFlags before the command of podman, as this machine needs them
 * @throws RIVET_CONTAINER_REMOVE_FAILED
 */
export async function removeContainers(
  podman: PodmanCli,
  globalFlags: readonly string[],
  names: readonly string[],
): Promise<void> {
  const action = `remove ${names.length === 1 ? names[0] : `${names.length} containers`}`;
  let reason = '';
  for (let attempt = 0; attempt < REMOVE_TRIES; attempt += 1) {
    const result = await podman.run({
      action,
      // Volumes that an image declares go with its container.
      args: [...globalFlags, 'rm', '--force', '--ignore', '--time=0', '--volumes', '--', ...names],
      timeoutMs: REMOVE_TIMEOUT_MS,
    });
    if (result.exitCode === 0) return;
    reason = essence(result);
    if (/no such container|no container with/i.test(reason)) return;
    // Someone else is removing it, or its file system is busy for a moment.
    await sleep(200 * (attempt + 1));
  }
  throw RivetError.of('RIVET_CONTAINER_REMOVE_FAILED', {
    what: names.length === 1 ? `the container ${names[0]}` : `${names.length} containers`,
    reason,
  });
}

/** Why a container is not running any more, in words; never throws. */
export async function describeContainerEnd(
  podman: PodmanCli,
  globalFlags: readonly string[],
  name: string,
): Promise<string> {
  try {
    const result = await podman.run({
      action: `inspect ${name}`,
      args: [
        ...globalFlags,
        'container',
        'inspect',
        '--format={{.State.OOMKilled}} {{.State.ExitCode}}',
        '--',
        name,
      ],
      timeoutMs: QUERY_TIMEOUT_MS,
    });
    const [, oom, code] = /^(true|false) (-?\d+)$/.exec(result.stdout.trim()) ?? [];
    if (code === undefined) return 'somebody removed it';
    const written = await lastWords(podman, globalFlags, name);
    return oom === 'true'
      ? 'it ran out of memory'
      : `its main process ended with exit code ${code}${written === '' ? '' : `: ${written}`}`;
  } catch {
    return 'Podman cannot say why';
  }
}

async function lastWords(
  podman: PodmanCli,
  globalFlags: readonly string[],
  name: string,
): Promise<string> {
  const result = await podman.run({
    action: `read the log of ${name}`,
    args: [...globalFlags, 'logs', '--tail=5', '--', name],
    timeoutMs: QUERY_TIMEOUT_MS,
  });
  return `${result.stdout}\n${result.stderr}`.trim().split('\n').join(' | ').slice(0, 500);
}
