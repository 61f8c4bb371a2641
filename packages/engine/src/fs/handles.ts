// The file descriptors of one call: all of them are closed when it ends, however it ends.
import { closeSync, openSync } from 'node:fs';
import type { PathBytes } from './script-path.ts';

/** Of open(2): the place itself, without reading, writing or waking up what is there. */
export const O_PATH = 0o10000000;

/** Names an open descriptor; the kernel goes to what was opened, whatever its path is by now. */
export function descriptorPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/**
 * Names an entry of an open directory. Only this one component is looked up, so nobody can put a
 * link in the way.
 */
export function entryPath(directory: number, name: PathBytes): Buffer {
  return Buffer.from(`${descriptorPath(directory)}/${name}`, 'latin1');
}

/** Descriptors that are open. */
export class Handles {
  readonly #open = new Set<number>();

  /** @throws errors of open(2) */
  open(path: string | Buffer, flags: number, mode?: number): number {
    const fd = openSync(path, flags, mode);
    this.#open.add(fd);
    return fd;
  }

  /** Does nothing for one that is closed already. */
  close(fd: number): void {
    if (this.#open.delete(fd)) closeSync(fd);
  }

  get count(): number {
    return this.#open.size;
  }

  /** Closes those that were opened after there were `count`. */
  closeSince(count: number): void {
    for (const fd of [...this.#open].slice(count)) this.close(fd);
  }

  closeAll(): void {
    this.closeSince(0);
  }
}
