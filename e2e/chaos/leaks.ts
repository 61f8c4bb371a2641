// What a chaos may have left or used up: mounts, connections, open files, memory.
import { readdir, readFile } from 'node:fs/promises';
import { sleep } from '@rivet/base';
import { createPodmanDriver } from '@rivet/containers';
import { askDatabase } from '@rivet/testing';
import { eventually } from './eventually.ts';

/** Far above what a program of this load needs, far below what a leak of hours comes to. */
const OPEN_FILES_MAX = 400;
const MEMORY_BYTES_MAX = 700 * 1024 ** 2;
const CLOSE_MS = 60_000;
/** Much longer than a network is made before anybody is in it, however slow the machine is. */
const NETWORK_MS = 30_000;

/** What a program uses that has outlived chaos; none of it may grow with what it went through. */
export interface Usage {
  readonly name: string;
  readonly openFiles: number;
  readonly memoryBytes: number;
}

/** @throws when the process is gone */
export async function usageOf(name: string, pid: number): Promise<Usage> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]);
  const openFiles = (await readdir(`/proc/${pid}/fd`)).length;
  return { name, openFiles, memoryBytes: kilobytes * 1024 };
}

/** What is above its bound. */
export function usageFaults({ name, openFiles, memoryBytes }: Usage): string[] {
  return [
    ...(openFiles > OPEN_FILES_MAX ? [`${name} has ${openFiles} open files`] : []),
    ...(memoryBytes > MEMORY_BYTES_MAX ? [`${name} takes ${memoryBytes} bytes of memory`] : []),
  ];
}

/** File systems that are still mounted below a directory. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const points = mounts.map((line) => line.split(' ')[4] ?? '');
  return points.filter((point) => point.startsWith(`${directory}/`));
}

/** Connections to the database of `url` besides the one that asks, once programs had time to go. */
export async function connectionsLeft(url: string): Promise<string[]> {
  const text = `SELECT application_name AS name, state FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`;
  let left: string[] = [];
  await eventually(
    async () => {
      const rows = await askDatabase<{ name: string; state: string }>(url, text);
      left = rows.map(({ name, state }) => `a connection of ${name} (${state}) was left`);
      if (left.length > 0) throw new Error('not yet');
    },
    { ms: CLOSE_MS },
  ).catch(() => undefined);
  return left;
}

/** What became of the networks that nobody is in. */
export interface LeftNetworks {
  /** Those that killed starts left, and a runner would have removed in time. */
  readonly removed: number;
  /** Those that could not be removed. */
  readonly faults: readonly string[];
}

/** Networks of containers that nobody on this machine is in now. */
export async function leftNetworks(): Promise<readonly string[]> {
  return await createPodmanDriver().listLeftNetworks();
}

/**
 * Removes those that chaos left, as its runners do when they live longer.
 * @param before those that were left when it began
 */
export async function removeNetworks(before: readonly string[]): Promise<LeftNetworks> {
  const driver = createPodmanDriver();
  const mine = async (): Promise<string[]> =>
    (await driver.listLeftNetworks()).filter((network) => !before.includes(network));
  const seen = await mine();
  if (seen.length === 0) return { removed: 0, faults: [] };
  // Others on this machine make networks at this moment.
  await sleep(NETWORK_MS);
  const removed = await driver.removeLeftNetworks(seen);
  const still = (await mine()).filter((network) => seen.includes(network));
  return { removed, faults: still.map((network) => `the network ${network} was left`) };
}
