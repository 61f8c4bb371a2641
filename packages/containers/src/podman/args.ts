// Podman's command line for a container. The only place that knows the flags of `podman run`.
import type { ContainerSpec, Mount, ScratchMount } from '../driver.ts';
import { isImageId, qualifyImageName } from '../images.ts';
import type { CommandChannel } from './command-channel.ts';
import { NO_NETWORK, type RuntimeFlags } from './runtime.ts';

/**
 * Processes that the agent itself may need at once, over what the commands may have; see
 * process-limit.ts.
 */
const AGENT_PIDS = 16;

/** What a container takes from the one that it stands beside. */
export interface Neighbour {
  /** Where its files are on the host. */
  readonly rootDirectory: string;
  /** `NAME=value`, of its image. */
  readonly env: readonly string[];
  readonly user: string;
  /** Its main process, as the host sees it. */
  readonly pid: number;
}

/** What `podman run` is called with to start a container that waits for commands. */
export function runArgs(
  spec: ContainerSpec,
  channel: Pick<CommandChannel, 'main' | 'mounts' | 'pidFile'>,
  flags: RuntimeFlags,
  neighbour?: Neighbour,
): string[] {
  const [program = '', ...args] = [...spec.entrypoint, ...channel.main];
  return [
    ...flags.global,
    'run',
    '--detach',
    `--name=${spec.name}`,
    `--pidfile=${channel.pidFile}`,
    ...flags.run.filter((flag) => neighbour === undefined || flag !== NO_NETWORK),
    // Rivet asks for pulls itself, so that they have a policy, a deadline and errors of their own.
    '--pull=never',
    '--log-driver=k8s-file',
    '--no-healthcheck',
    '--stop-timeout=1',
    // Podman would make a missing working directory of the image; the agent needs none.
    '--workdir=/',
    ...Object.entries(spec.labels).map(([key, value]) => `--label=${key}=${value}`),
    ...[...spec.mounts, ...channel.mounts].map(mountFlag),
    ...(spec.scratch ?? []).map(scratchFlag),
    ...environmentFlags(spec, neighbour),
    ...networkFlags(spec, flags, neighbour),
    ...userFlags(spec, neighbour),
    ...limitFlags(spec),
    ...(spec.privileged ? ['--privileged'] : ['--security-opt=no-new-privileges']),
    // As JSON: an entrypoint is a list of words.
    `--entrypoint=${JSON.stringify([program, ...args])}`,
    ...(neighbour === undefined
      ? ['--', spec.imageId ?? (isImageId(spec.image) ? spec.image : qualifyImageName(spec.image))]
      : ['--rootfs', '--', neighbour.rootDirectory]),
  ];
}

/** By the path of the namespace: a container that Podman knows to depend on another holds it. */
function networkFlags(
  spec: ContainerSpec,
  flags: RuntimeFlags,
  neighbour: Neighbour | undefined,
): string[] {
  if (neighbour !== undefined) return [`--network=ns:/proc/${neighbour.pid}/ns/net`];
  return spec.network === 'none' && !flags.run.includes(NO_NETWORK) ? [NO_NETWORK] : [];
}

function userFlags({ user }: ContainerSpec, neighbour: Neighbour | undefined): string[] {
  const found = user ?? neighbour?.user ?? '';
  return found === '' ? [] : [`--user=${found}`];
}

/**
 * Commands get the variables through the agent. They stand here only where a program before the
 * agent may need them.
 */
function environmentFlags(spec: ContainerSpec, neighbour: Neighbour | undefined): string[] {
  const ofImage = (neighbour?.env ?? []).map((variable) => `--env=${variable}`);
  if (spec.entrypoint.length === 0) return ofImage;
  const own = Object.entries(spec.env)
    .filter(([name, value]) => !fitsFile(name, value))
    .map(([name, value]) => `--env=${name}=${value}`);
  return [...ofImage, `--env-file=${environmentFile(spec)}`, ...own];
}

/** Where the variables of a container with an entrypoint stand while it is started. */
export function environmentFile({ controlDirectory }: ContainerSpec): string {
  return `${controlDirectory}/env`;
}

/**
 * What stands in that file, so that the list of processes of the machine does not show it;
 * undefined when no file is needed.
 */
export function environmentLines({ entrypoint, env }: ContainerSpec): string | undefined {
  if (entrypoint.length === 0) return undefined;
  const lines = Object.entries(env).filter(([name, value]) => fitsFile(name, value));
  return lines.map(([name, value]) => `${name}=${value}\n`).join('');
}

/** A line of the file ends at its first line feed. */
function fitsFile(name: string, value: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !/[\n\r]/.test(value);
}

function limitFlags(spec: ContainerSpec): string[] {
  const { memoryBytes, cpus, pids } = spec;
  return [
    // Memory and swap together: the limit is one of memory then, and reaching it is no crawl.
    ...(memoryBytes === undefined
      ? []
      : [`--memory=${Math.floor(memoryBytes)}b`, `--memory-swap=${Math.floor(memoryBytes)}b`]),
    ...(cpus === undefined ? [] : [`--cpus=${cpus}`]),
    ...(pids === undefined ? [] : [`--pids-limit=${pids + AGENT_PIDS}`]),
  ];
}

/**
 * A bind mount. Podman reads the value as a line of CSV, so a comma or a quote in a path is quoted.
 */
function mountFlag(mount: Mount): string {
  const fields = ['type=bind', `source=${mount.source}`, `target=${mount.target}`];
  if (mount.readonly) fields.push('readonly');
  return `--mount=${fields.map(csvField).join(',')}`;
}

/** Not filled with what the image has there: it is empty, as was asked for. */
function scratchFlag({ target, bytesMax }: ScratchMount): string {
  const fields = ['type=tmpfs', `target=${target}`, 'notmpcopyup', 'tmpfs-mode=1777'];
  if (bytesMax !== undefined) fields.push(`tmpfs-size=${Math.floor(bytesMax)}`);
  return `--mount=${fields.map(csvField).join(',')}`;
}

/** A field of the lines of CSV that some flags of Podman take. */
export function csvField(field: string): string {
  return /[",\s]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
