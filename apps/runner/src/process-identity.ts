// Which process somebody was: pid, start time and boot id, because a pid alone is used again.
import { readFile } from 'node:fs/promises';

export interface ProcessIdentity {
  readonly pid: number;
  /** The identity as a file name: `<boot id>.<pid>.<start time>`. */
  readonly text: string;
}

/** The identity of this process. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  const text = await readIdentity(process.pid);
  if (text === undefined) throw new Error('/proc does not show this process; it must be mounted');
  return { pid: process.pid, text };
}

/** Reads the text of an identity; undefined when it is none. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  const match = /^[0-9a-f-]{36}\.(\d{1,10})\.\d{1,20}$/.exec(text);
  return match === null ? undefined : { pid: Number(match[1]), text };
}

/** Whether exactly that process still runs. */
export async function isProcessAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await readIdentity(identity.pid)) === identity.text;
}

async function readIdentity(pid: number): Promise<string | undefined> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // The name of the program, in parentheses, may hold anything: the fields count from the last ")".
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, start] = [fields[0], fields[19]];
  if (state === 'Z' || state === 'X' || start === undefined) return undefined;
  return `${boot}.${pid}.${start}`;
}
