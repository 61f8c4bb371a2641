// What a container needs to know of the one that it shares files and network with.
import type { Neighbour } from './args.ts';
import type { PodmanCli } from './cli.ts';
import { mountPoint } from './mount-point.ts';

const INSPECT_TIMEOUT_MS = 30_000;

/**
 * Looks at a running container; undefined when it does not run.
 * @throws RIVET_CONTAINER_PODMAN_FAILED, RIVET_CONTAINER_PODMAN_TIMEOUT
 */
export async function findNeighbour(
  podman: PodmanCli,
  globalFlags: readonly string[],
  name: string,
): Promise<Neighbour | undefined> {
  const format =
    '--format={"driver":{{json .GraphDriver.Data}},"rootfs":{{json .Rootfs}},"env":{{json .Config.Env}},"user":{{json .Config.User}},"pid":{{.State.Pid}},"running":{{.State.Running}}}';
  const result = await podman.run({
    action: `inspect ${name}`,
    args: [...globalFlags, 'container', 'inspect', format, '--', name],
    timeoutMs: INSPECT_TIMEOUT_MS,
  });
  const found = result.exitCode === 0 ? parseInspection(result.stdout) : undefined;
  if (found === undefined) return undefined;
  const { rootDirectory = await mountPoint(podman, globalFlags, name), ...rest } = found;
  return rootDirectory === undefined ? undefined : { ...rest, rootDirectory };
}

/** Undefined for a container that is not running, and for text that is no such answer. */
function parseInspection(
  text: string,
): (Omit<Neighbour, 'rootDirectory'> & { rootDirectory?: string }) | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { driver, rootfs, env, user, pid, running } = value as Record<string, unknown>;
  if (running !== true || typeof pid !== 'number' || pid <= 0) return undefined;
  const merged = (driver as Record<string, unknown> | null)?.MergedDir;
  const rootDirectory = [merged, rootfs].find(
    (path): path is string => typeof path === 'string' && path.startsWith('/'),
  );
  return {
    ...(rootDirectory === undefined ? {} : { rootDirectory }),
    // Podman sets these itself, for each container anew.
    env: strings(env).filter((variable) => !/^(?:HOSTNAME|container|TERM|HOME)=/.test(variable)),
    user: typeof user === 'string' ? user : '',
    pid,
  };
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
