// Counts how often a limit has refused the processes of a container another one.
import { readFileSync } from 'node:fs';

export class ProcessRefusals {
  readonly #pid: number;
  /** Undefined until it is asked for first; '' where nothing is counted. */
  #file: string | undefined;

  /** @param pid of the container's main process, as the host sees it */
  constructor(pid: number) {
    this.#pid = pid;
  }

  /** 0 where that cannot be told, and when the container is gone. */
  count(): number {
    this.#file ??= eventsFile(this.#pid);
    const [, count] = /^max (\d+)$/m.exec(readText(this.#file)) ?? [];
    return Number(count ?? 0);
  }
}

function eventsFile(pid: number): string {
  const directory = pidsDirectory(readText(`/proc/${pid}/cgroup`));
  return directory === undefined ? '' : `${directory}/pids.events`;
}

/** Where the limit of processes is kept, from the text of /proc/PID/cgroup. */
export function pidsDirectory(groups: string): string | undefined {
  for (const line of groups.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.+)$/.exec(line) ?? [];
    if (controllers === 'pids') return `/sys/fs/cgroup/pids${path}`;
    if (controllers === '') return `/sys/fs/cgroup${path}`;
  }
  return undefined;
}

/** '' where it cannot be read. Synchronous: the kernel makes the text in microseconds. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
