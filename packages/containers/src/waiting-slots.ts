// Finds slots that still wait for a command of a process of the runner that is no more.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readStatus } from './status-file.ts';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
/** A container may put any number of files there. */
const SLOTS_MAX = 100;

/** A slot that became no command yet. */
export interface WaitingSlot {
  readonly name: string;
  /** In the container; its word. */
  readonly pid: number;
}

/**
 * @param directory where the container writes
 * @param asked names of the slots that were asked to become a command
 */
export async function waitingSlots(
  directory: string,
  asked: ReadonlySet<string | undefined>,
): Promise<readonly WaitingSlot[]> {
  const names = (await readdir(directory))
    .map((file) => /^(slot\.[A-Za-z0-9_.-]+)\.status$/.exec(file)?.[1])
    .filter((name) => name !== undefined && !asked.has(name))
    .slice(0, SLOTS_MAX);
  return names.flatMap((name = '') => {
    const pid = waitingPid(join(directory, `${name}.status`));
    return pid === undefined ? [] : [{ name, pid }];
  });
}

/** Through no link, and without waiting for the other end of a FIFO. */
function waitingPid(path: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    if (!fstatSync(fd).isFile()) return undefined;
    const read = (buffer: Uint8Array): number => readSync(fd, buffer, 0, buffer.length, 0);
    const { waitingPid, pid, exitCode } = readStatus({ read });
    return pid === undefined && exitCode === undefined ? waitingPid : undefined;
  } finally {
    closeSync(fd);
  }
}
