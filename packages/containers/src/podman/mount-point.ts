// Where Podman has the files of a container on the host.
import type { PodmanCli } from './cli.ts';

const MOUNT_TIMEOUT_MS = 30_000;

/** Asks Podman, which all its storage drivers answer; undefined when there is no such container. */
export async function mountPoint(
  podman: PodmanCli,
  globalFlags: readonly string[],
  name: string,
): Promise<string | undefined> {
  const mount = [...globalFlags, 'mount', '--', name];
  // An ordinary user's containers are mounted in a namespace of that user.
  const args = process.getuid?.() === 0 ? mount : ['unshare', podman.program, ...mount];
  const action = `find the files of ${name}`;
  const result = await podman.run({ action, args, timeoutMs: MOUNT_TIMEOUT_MS });
  const path = result.stdout.trim();
  return result.exitCode === 0 && path.startsWith('/') ? path : undefined;
}
