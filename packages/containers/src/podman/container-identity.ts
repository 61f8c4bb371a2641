// Who a container is, on the disk beside it: a later process of the runner finds it again by that.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from '@rivet/processes';

const FILE = 'identity.json';

export interface ContainerIdentity {
  readonly name: string;
  /** Its main process, as the host sees it; of this boot only. */
  readonly main: ProcessIdentity;
  /** Of the file in which its agent speaks; 0 when it takes commands by `podman exec`. */
  readonly agentInode: number;
  /** Counts the processes of the runner that had it before. */
  readonly generation: number;
}

/**
 * Replaces the file as a whole. It is not synced: a power failure ends the container too, and then
 * the file means nothing.
 */
export function keepIdentity(controlDirectory: string, identity: ContainerIdentity): void {
  const path = join(controlDirectory, FILE);
  const temporary = `${path}.new`;
  writeFileSync(temporary, JSON.stringify(identity), { mode: 0o600 });
  renameSync(temporary, path);
}

/** Undefined when the container never took commands. */
export function readIdentity(controlDirectory: string): ContainerIdentity | undefined {
  try {
    return JSON.parse(readFileSync(join(controlDirectory, FILE), 'utf8')) as ContainerIdentity;
  } catch {
    return undefined;
  }
}
