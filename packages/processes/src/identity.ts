// Who a process is: its id is reused, its id together with its start time and the boot is not.
import { readdirSync, readFileSync } from 'node:fs';

/** Identifies a process for as long as the machine's clock ticks are counted. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process. */
  readonly startTicks: number;
  /** Changes with each boot of the machine. */
  readonly bootId: string;
}

/**
 * The identity of a process that runs; undefined when there is none with this id, or only its
 * zombie.
 */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const stat = readProcFile(`/proc/${pid}/stat`);
  const parsed = stat === undefined ? undefined : parseStat(stat);
  if (parsed === undefined || parsed.state === 'Z' || parsed.state === 'X') return undefined;
  return { pid, startTicks: parsed.startTicks, bootId: readBootId() };
}

/** Whether the very process that `identity` was taken from still runs. */
export async function isProcessAlive(identity: ProcessIdentity): Promise<boolean> {
  const now = await identifyProcess(identity.pid);
  return (
    now !== undefined && now.startTicks === identity.startTicks && now.bootId === identity.bootId
  );
}

/**
 * All processes that are seen from here but this one. Who each is was noted before it is given:
 * what is signalled then is what was read of it.
 */
export async function* otherProcesses(): AsyncGenerator<ProcessIdentity> {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    const identity = await identifyProcess(Number(entry));
    if (identity !== undefined) yield identity;
  }
}

/**
 * State and start of a process from the text of `/proc/PID/stat`; undefined when it is no such
 * text. The second field is the program's name in parentheses, which may itself hold spaces and
 * parentheses.
 */
export function parseStat(text: string): { state: string; startTicks: number } | undefined {
  const end = text.lastIndexOf(')');
  if (end === -1) return undefined;
  const fields = text.slice(end + 2).split(' ');
  const [state] = fields;
  // proc(5) counts from 1 and the name is the second field: start time is field 22.
  const startTicks = Number(fields[22 - 3]);
  if (state === undefined || !/^[A-Za-z]$/.test(state) || !Number.isSafeInteger(startTicks)) {
    return undefined;
  }
  return { state, startTicks };
}

let bootId: string | undefined;

function readBootId(): string {
  // It cannot change under a running process.
  bootId ??= (readProcFile('/proc/sys/kernel/random/boot_id') ?? '').trim();
  return bootId;
}

/**
 * Synchronous: the kernel makes the text in microseconds, and the way through the thread pool,
 * which may be busy with disks, takes ten times as long.
 */
function readProcFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // ENOENT, or ESRCH when the process ends while its file is read.
    return undefined;
  }
}
