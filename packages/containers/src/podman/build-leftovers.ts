// Removes what jobs built, and what builds that were killed left: processes, working containers,
// names.
import { readFile } from 'node:fs/promises';
import { sleep } from '@rivet/base';
import { otherProcesses, type ProcessIdentity, signalProcess } from '@rivet/processes';
import { BUILD_REPOSITORY, isKeyOf, keyOfName } from './build-names.ts';
import { essence, type PodmanCli } from './cli.ts';
import { mountPoint } from './mount-point.ts';

const QUERY_TIMEOUT_MS = 30_000;
const REMOVE_TIMEOUT_MS = 2 * 60_000;
/** A build that is told to end stops its step, and waits for that. */
const TERM_WAIT_MS = 10_000;
const POLL_MS = 100;
const BATCH = 50;
const LISTS_MAX = 10;

type Labels = Readonly<Record<string, string>>;

/** See ImageOperations.removeBuilt. */
export async function removeBuilt(
  podman: PodmanCli,
  globalFlags: readonly string[],
  labels: Labels,
): Promise<number> {
  await endBuilds(labels);
  await removeWorkingContainers(podman, globalFlags, labels);
  return await removeImages(podman, globalFlags, labels);
}

/** Ends builds that outlived the program that started them. */
async function endBuilds(labels: Labels): Promise<void> {
  let running = await findBuilds(labels);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const build of running) await signalProcess(build, signal);
    const deadline = performance.now() + TERM_WAIT_MS;
    while (running.length > 0 && performance.now() < deadline) {
      await sleep(POLL_MS);
      running = await findBuilds(labels);
    }
  }
}

/** The `podman build` commands that build under a name of these labels. */
async function findBuilds(labels: Labels): Promise<ProcessIdentity[]> {
  const found: ProcessIdentity[] = [];
  for await (const one of otherProcesses()) {
    const words = (await readProcFile(one, 'cmdline')).split('\0');
    if (!words.includes('build')) continue;
    const name = words.find((word) => word.startsWith(`--tag=${BUILD_REPOSITORY}/`));
    const key = name === undefined ? undefined : keyOfName(name.slice('--tag='.length));
    if (key !== undefined && isKeyOf(key, labels)) found.push(one);
  }
  return found;
}

async function removeWorkingContainers(
  podman: PodmanCli,
  globalFlags: readonly string[],
  labels: Labels,
): Promise<void> {
  for (const line of await listContainers(podman, globalFlags)) {
    const [id = '', name = ''] = line.split(' ');
    const key = name.includes('-working-container') ? keyOfName(name) : undefined;
    if (key === undefined || !isKeyOf(key, labels)) continue;
    // A step whose build was killed runs on without anybody who waits for it.
    const root = await mountPoint(podman, globalFlags, id);
    if (root !== undefined) await killBelow(root);
    await podman.expect({
      action: 'remove a working container',
      args: [...globalFlags, 'rm', '--force', '--ignore', '--', id],
      timeoutMs: REMOVE_TIMEOUT_MS,
    });
  }
}

/** Lines of id and name, of everybody's containers and of those that builds work in. */
async function listContainers(
  podman: PodmanCli,
  globalFlags: readonly string[],
): Promise<readonly string[]> {
  const action = 'list working containers';
  for (let look = 1; ; look += 1) {
    const result = await podman.run({
      action,
      args: [...globalFlags, 'ps', '--all', '--external', '--format={{.ID}} {{.Names}}'],
      timeoutMs: QUERY_TIMEOUT_MS,
    });
    if (result.exitCode === 0) return result.stdout.split('\n');
    // Podman lists nothing when one is removed, by whomever, while it looks at it.
    const isGone = /container not known|no such container/i.test(result.stderr);
    if (!isGone || look === LISTS_MAX) throw podman.failure(action, essence(result));
  }
}

/** Kills the processes whose root directory this is, and waits until they are gone. */
async function killBelow(root: string): Promise<void> {
  const deadline = performance.now() + TERM_WAIT_MS;
  // The next look finds what they started during this one.
  while ((await killFoundBelow(root)) > 0 && performance.now() < deadline) await sleep(POLL_MS);
}

/** Returns how many it found. */
async function killFoundBelow(root: string): Promise<number> {
  let found = 0;
  const layer = /^(\/.*\/overlay\/[^/]+)\/merged$/.exec(root)?.[1];
  for await (const one of otherProcesses()) {
    const mounts = await readProcFile(one, 'mountinfo');
    const rootMount = mounts.split('\n').find((line) => line.split(' ')[4] === '/') ?? '';
    // An overlay names its layer; with other storage drivers the directory itself is mounted, by
    // its path on its own file system.
    const directory = rootMount.split(' ')[3] ?? '/';
    const isBelow =
      layer === undefined
        ? directory.length > '/containers/storage/'.length && root.endsWith(directory)
        : rootMount.includes(`upperdir=${layer}/`);
    if (!isBelow) continue;
    found += 1;
    await signalProcess(one, 'SIGKILL');
  }
  return found;
}

/** Empty when it has ended, or is none of ours. */
async function readProcFile({ pid }: ProcessIdentity, name: string): Promise<string> {
  return await readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
}

/** Podman may write a name back that it was about to remove, when others name images meanwhile. */
const LOOKS_MAX = 3;

/** Returns how many there were. */
async function removeImages(
  podman: PodmanCli,
  globalFlags: readonly string[],
  labels: Labels,
): Promise<number> {
  const removed = new Set<string>();
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const names = await listImages(podman, globalFlags, labels);
    if (names.length === 0) break;
    for (let from = 0; from < names.length; from += BATCH) {
      const result = await podman.run({
        action: 'remove built images',
        args: [...globalFlags, 'rmi', '--force', '--', ...names.slice(from, from + BATCH)],
        timeoutMs: REMOVE_TIMEOUT_MS,
      });
      // Somebody else may have removed one of them meanwhile.
      if (result.exitCode !== 0 && !/image not known|no such image/i.test(result.stderr)) {
        throw podman.failure('remove built images', essence(result));
      }
    }
    for (const name of names) if (!name.includes('-base-')) removed.add(name);
  }
  return removed.size;
}

async function listImages(
  podman: PodmanCli,
  globalFlags: readonly string[],
  labels: Labels,
): Promise<string[]> {
  const listed = await podman.expect({
    action: 'list built images',
    args: [
      ...globalFlags,
      'images',
      `--filter=reference=${BUILD_REPOSITORY}/*`,
      '--format={{.Repository}}:{{.Tag}}',
    ],
    timeoutMs: QUERY_TIMEOUT_MS,
  });
  return listed.split('\n').filter((name) => {
    const key = keyOfName(name);
    return key !== undefined && isKeyOf(key, labels);
  });
}
