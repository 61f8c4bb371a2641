// Looks at what Podman needs on this machine: the findings of `rivet doctor`.
import { readFile, statfs } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { formatSize, isRivetError, toRivetError } from '@rivet/base';
import type { DriverFinding } from '../driver.ts';
import type { PodmanCli } from './cli.ts';
import type { ImageStore } from './image-store.ts';
import { NO_NETWORK, type RuntimeFlags } from './runtime.ts';

const INFO_TIMEOUT_MS = 30_000;
const PODMAN_MAJOR_MIN = 4;
const DISK_BYTES_MIN = 2 * 1024 ** 3;
const SUBORDINATE_IDS_MIN = 65_536;

export interface CheckOptions {
  readonly podman: PodmanCli;
  readonly flags: RuntimeFlags;
  /** Image to try a container with; undefined when none is configured. */
  readonly image: string | undefined;
  readonly images: ImageStore;
  /** Starts and removes a container; returns the flags it took. */
  readonly tryContainer: (image: string) => Promise<RuntimeFlags>;
}

/** What `podman info` tells, as far as it is looked at. */
interface PodmanInfo {
  readonly version: string;
  readonly rootless: boolean;
  readonly runtime: string;
  readonly cgroupVersion: string;
  readonly cgroupControllers: readonly string[];
  readonly storageDriver: string;
  readonly storageRoot: string;
}

/** The findings, in the order in which to mend them. Never throws. */
export async function checkPodman(options: CheckOptions): Promise<readonly DriverFinding[]> {
  let info: PodmanInfo;
  try {
    info = await readInfo(options.podman, options.flags.global);
  } catch (error) {
    const { message, solve } = toRivetError(error);
    return [{ subject: 'podman', ok: false, seen: message, fix: solve }];
  }
  const start = await checkStart(options);
  return [
    checkVersion(info),
    ...(info.rootless ? [await checkUserNamespaces()] : []),
    checkCgroups(info, start.flags),
    checkStorage(info),
    await checkDisk(info),
    start.finding,
    checkRuntime(info, start.flags),
    checkNetwork(start.flags),
  ];
}

function checkVersion(info: PodmanInfo): DriverFinding {
  const ok = Number.parseInt(info.version, 10) >= PODMAN_MAJOR_MIN;
  return {
    subject: 'podman',
    ok,
    seen: `${info.version}, ${info.rootless ? 'rootless' : 'as root'}`,
    fix: ok ? undefined : `Install Podman ${PODMAN_MAJOR_MIN} or newer.`,
  };
}

function checkRuntime(info: PodmanInfo, flags: RuntimeFlags): DriverFinding {
  const runtime = flags.global.includes('--runtime=runc') ? 'runc' : info.runtime;
  const why = flags.reasons.length === 0 ? '' : ` (${flags.reasons.join('; ')})`;
  const extra = [...flags.global, ...flags.run];
  const with_ = extra.length === 0 ? '' : `, with ${extra.join(' ')}${why}`;
  return { subject: 'OCI runtime', ok: true, seen: `${runtime}${with_}`, fix: undefined };
}

function checkNetwork(flags: RuntimeFlags): DriverFinding {
  const ok = !flags.run.includes(NO_NETWORK);
  const why = flags.reasons.find((reason) => reason.startsWith('containers have no network'));
  return {
    subject: 'network of containers',
    ok,
    seen: ok ? 'as Podman sets it up' : (why ?? 'none'),
    fix: ok
      ? undefined
      : 'Jobs that need no network run. For the others: as an ordinary user Podman needs slirp4netns or passt and access to /dev/net/tun; as root, netavark and iptables.',
  };
}

function checkCgroups(info: PodmanInfo, flags: RuntimeFlags): DriverFinding {
  const wanted = ['cpu', 'memory', 'pids'];
  const missing = flags.run.includes('--cgroups=disabled')
    ? wanted
    : wanted.filter((controller) => !info.cgroupControllers.includes(controller));
  return {
    subject: 'cgroups',
    ok: missing.length === 0,
    seen: `version ${info.cgroupVersion}, ${
      missing.length === 0 ? wanted.join(', ') : `without ${missing.join(', ')}`
    }`,
    fix:
      missing.length === 0
        ? undefined
        : `Containers run, but ${missing.join(', ')} cannot be limited. Run Rivet as root, or delegate the controllers: systemctl edit user@.service, [Service] Delegate=cpu memory pids.`,
  };
}

function checkStorage(info: PodmanInfo): DriverFinding {
  const slow = info.storageDriver === 'vfs';
  return {
    subject: 'storage driver',
    ok: true,
    seen: `${info.storageDriver}${slow ? ', which copies the whole image for each container' : ''}`,
    fix: slow
      ? 'Install fuse-overlayfs and run "podman system reset" for faster containers.'
      : undefined,
  };
}

async function checkDisk(info: PodmanInfo): Promise<DriverFinding> {
  const subject = 'disk for images and containers';
  try {
    const { bavail, bsize } = await statfs(info.storageRoot);
    const free = bavail * bsize;
    const ok = free >= DISK_BYTES_MIN;
    return {
      subject,
      ok,
      seen: `${formatSize(free)} free in ${info.storageRoot}`,
      fix: ok
        ? undefined
        : `Free at least ${formatSize(DISK_BYTES_MIN)}: podman system prune, or move Podman's storage.`,
    };
  } catch {
    // Made at the first use.
    return { subject, ok: true, seen: `${info.storageRoot} is not there yet`, fix: undefined };
  }
}

async function checkUserNamespaces(): Promise<DriverFinding> {
  const { username, uid } = userInfo();
  const ranges = await Promise.all(
    ['/etc/subuid', '/etc/subgid'].map(async (file) => ({
      file,
      ids: subordinateIds(await readFile(file, 'utf8').catch(() => ''), [username, String(uid)]),
    })),
  );
  const short = ranges.filter((range) => range.ids < SUBORDINATE_IDS_MIN);
  return {
    subject: 'user namespaces',
    ok: short.length === 0,
    seen: ranges.map((range) => `${range.ids} ids in ${range.file}`).join(', '),
    fix:
      short.length === 0
        ? undefined
        : `Give the user ids of its own, as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username}; then, as the user: podman system migrate.`,
  };
}

async function checkStart(
  options: CheckOptions,
): Promise<{ finding: DriverFinding; flags: RuntimeFlags }> {
  const { image, flags } = options;
  const subject = 'default image';
  if (image === undefined) {
    const seen = 'none is configured, so no container was tried';
    return { finding: { subject, ok: true, seen, fix: undefined }, flags };
  }
  try {
    if (!(await options.images.exists(image))) {
      const seen = `${image} is not on this machine yet; it will be pulled when it is needed`;
      return { finding: { subject, ok: true, seen, fix: undefined }, flags };
    }
    const used = await options.tryContainer(image);
    return {
      finding: { subject, ok: true, seen: `${image} starts`, fix: undefined },
      flags: used,
    };
  } catch (error) {
    const { message, solve } = toRivetError(error);
    const known = isRivetError(error);
    return {
      finding: { subject, ok: false, seen: message, fix: known ? solve : undefined },
      flags,
    };
  }
}

/** How many ids the lines `name:first:count` give to one of `names`. */
export function subordinateIds(text: string, names: readonly string[]): number {
  let total = 0;
  for (const line of text.split('\n')) {
    const [name = '', , count] = line.trim().split(':');
    if (names.includes(name) && /^\d+$/.test(count ?? '')) total += Number(count);
  }
  return total;
}

/** What Podman says about itself. */
export async function readInfo(
  podman: PodmanCli,
  globalFlags: readonly string[],
): Promise<PodmanInfo> {
  const answer = await podman.expectJson({
    action: 'describe itself',
    args: [...globalFlags, 'info', '--format=json'],
    timeoutMs: INFO_TIMEOUT_MS,
  });
  return parseInfo(answer);
}

/** Takes what is known from the answer; what is missing reads as unknown. */
export function parseInfo(answer: unknown): PodmanInfo {
  const text = (path: readonly string[]): string => {
    const value = dig(answer, path);
    return typeof value === 'string' ? value : 'unknown';
  };
  const controllers = dig(answer, ['host', 'cgroupControllers']);
  return {
    version: text(['version', 'Version']),
    rootless: dig(answer, ['host', 'security', 'rootless']) === true,
    runtime: text(['host', 'ociRuntime', 'name']),
    cgroupVersion: text(['host', 'cgroupVersion']).replace(/^v/, ''),
    cgroupControllers: Array.isArray(controllers) ? controllers.map(String) : [],
    storageDriver: text(['store', 'graphDriverName']),
    storageRoot: text(['store', 'graphRoot']),
  };
}

function dig(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}
