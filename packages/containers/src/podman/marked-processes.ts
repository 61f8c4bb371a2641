// Finds and signals the processes of one command from outside of its container: by a variable that
// all of them inherit, among those that share the process ids of the container.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The variable; its value is different for each command. */
export const MARK_VARIABLE = 'RIVET_COMMAND_ID';

export interface MarkedProcess {
  /** As the host sees it. */
  readonly hostPid: number;
  /** As the container sees it. */
  readonly pid: number;
}

/** @param main process id of the container's main process, as the host sees it */
export function findMarked(main: number, mark: string): readonly MarkedProcess[] {
  const namespace = readNamespace(main);
  if (namespace === undefined) return [];
  const found: MarkedProcess[] = [];
  for (const name of readdirSync('/proc')) {
    const hostPid = Number(name);
    if (!Number.isSafeInteger(hostPid) || readNamespace(hostPid) !== namespace) continue;
    const pid = isMarked(hostPid, mark) ? innerPid(hostPid) : undefined;
    if (pid !== undefined) found.push({ hostPid, pid });
  }
  return found;
}

function readNamespace(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    // It ended, or belongs to somebody whose processes are not ours to see.
    return undefined;
  }
}

function isMarked(pid: number, mark: string): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
    return `\0${environment}`.includes(`\0${MARK_VARIABLE}=${mark}\0`);
  } catch {
    return false;
  }
}

function innerPid(pid: number): number | undefined {
  try {
    const [, ids] = /^NSpid:\s+(.+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    const inner = Number(ids?.trim().split(/\s+/).at(-1));
    return Number.isSafeInteger(inner) && inner > 0 ? inner : undefined;
  } catch {
    return undefined;
  }
}
