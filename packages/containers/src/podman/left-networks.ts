// Finds and removes the network namespaces that a Podman that was killed in the middle of a start
// leaves on the machine, with their ends in its bridge: it has no record of them, and nobody is in
// them.
import { readdir, readFile, readlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { RivetError } from '@rivet/base';
import { essence, type PodmanCli } from './cli.ts';
import { runToEnd } from './run-to-end.ts';

/** Where Podman keeps the networks of root's containers; an ordinary user's end with its session. */
const DIRECTORY = '/run/netns';
/** As Podman names them, and nobody else that we know of. */
const NAME = /^netns-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** The process ids of the whole machine, in which all processes are seen; the kernel's number. */
const MACHINE_PIDS = 'pid:[4026531836]';
const QUERY_TIMEOUT_MS = 30_000;
const UMOUNT_TIMEOUT_MS = 10_000;
const INSPECT_BATCH = 100;

/** See ContainerDriver.listLeftNetworks. */
export async function listLeftNetworks(): Promise<readonly string[]> {
  // Who does not see every process cannot say that nobody is there.
  if (process.getuid?.() !== 0 || (await linkOf('/proc/self/ns/pid')) !== MACHINE_PIDS) return [];
  const names = (await readdir(DIRECTORY).catch(() => [])).filter((name) => NAME.test(name));
  if (names.length === 0) return [];
  const mounted = await mountedNetworks();
  const inUse = await networksInUse();
  if (inUse === undefined) return [];
  return names
    .map((name) => join(DIRECTORY, name))
    .filter((path) => !(mounted.get(path) ?? []).some((network) => inUse.has(network)));
}

/** See ContainerDriver.removeLeftNetworks. */
export async function removeLeftNetworks(
  podman: PodmanCli,
  globalFlags: readonly string[],
  networks: readonly string[],
): Promise<number> {
  if (networks.length === 0) return 0;
  // A container that has just ended has a record of its network until Podman has removed that.
  const recorded = await recordedNetworks(podman, globalFlags);
  const left = new Set(await listLeftNetworks());
  const gone = networks.filter((path) => left.has(path) && !recorded.has(path));
  const removals = gone.map((path) => removeNetwork(podman.path, path));
  // One that stays keeps none of the others.
  const failed = (await Promise.allSettled(removals)).find(({ status }) => status === 'rejected');
  if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
  return gone.length;
}

/** What is mounted at each path, as processes name it that are in it: `net:[4026532177]`. */
async function mountedNetworks(): Promise<ReadonlyMap<string, readonly string[]>> {
  const mounted = new Map<string, string[]>();
  for (const line of (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')) {
    const [, , , root = '', path = ''] = line.split(' ');
    if (root.startsWith('net:[')) mounted.set(path, [...(mounted.get(path) ?? []), root]);
  }
  return mounted;
}

/** The networks that threads of this machine are in; undefined where not all of them are seen. */
async function networksInUse(): Promise<ReadonlySet<string> | undefined> {
  const inUse = new Set<string>();
  // The first process may let nobody look at it; it is in the network of the machine itself.
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== '1');
  for (const pid of processes) {
    const tasks = `/proc/${pid}/task`;
    // A thread may be in another network than its process.
    for (const task of await readdir(tasks).catch(() => [])) {
      try {
        inUse.add(await readlink(join(tasks, task, 'ns/net')));
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException;
        // Otherwise it has ended meanwhile.
        if (['EACCES', 'EPERM'].includes(code)) return undefined;
      }
    }
  }
  return inUse;
}

/** The networks of all containers that Podman knows, running or not. */
async function recordedNetworks(
  podman: PodmanCli,
  globalFlags: readonly string[],
): Promise<ReadonlySet<string>> {
  const action = 'list the networks of containers';
  const listed = await podman.expect({
    action,
    args: [...globalFlags, 'ps', '--all', '--quiet', '--no-trunc'],
    timeoutMs: QUERY_TIMEOUT_MS,
  });
  const ids = listed.split('\n').filter((id) => id !== '');
  const recorded = new Set<string>();
  for (let from = 0; from < ids.length; from += INSPECT_BATCH) {
    const format = '--format={{.NetworkSettings.SandboxKey}}';
    const batch = ids.slice(from, from + INSPECT_BATCH);
    const result = await podman.run({
      action,
      args: [...globalFlags, 'container', 'inspect', format, '--', ...batch],
      timeoutMs: QUERY_TIMEOUT_MS,
    });
    // Those that are gone meanwhile it complains of, and prints the others.
    const complaints = result.stderr.split('\n').filter((line) => line.trim() !== '');
    const isAll = complaints.every((line) => /no such container/i.test(line));
    if (result.exitCode !== 0 && !isAll) throw podman.failure(action, essence(result));
    for (const path of result.stdout.split('\n')) recorded.add(path.replace(/^\/var\/run/, '/run'));
  }
  return recorded;
}

/** Its end in a bridge goes with it. */
async function removeNetwork(searchPath: string, path: string): Promise<void> {
  let said = '';
  await runToEnd(
    {
      file: 'umount',
      args: ['--', path],
      env: { PATH: searchPath, LC_ALL: 'C' },
      directory: '/',
      timeoutMs: UMOUNT_TIMEOUT_MS,
      killAfterMs: 0,
    },
    (_, bytes) => {
      said += Buffer.from(bytes).toString('utf8');
    },
  );
  try {
    // A name under which nothing was mounted yet is removed as well.
    await unlink(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    const reason = said.trim() === '' ? message : said.trim();
    throw RivetError.of('RIVET_CONTAINER_REMOVE_FAILED', {
      what: `the network ${path}`,
      reason,
    });
  }
}

async function linkOf(path: string): Promise<string | undefined> {
  return await readlink(path).catch(() => undefined);
}
