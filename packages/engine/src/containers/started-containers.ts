// Which containers an attempt has started, on the disk: a later process finds them again by that.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface StartedContainers {
  /** Keeps the name of a container for the process that comes after this one. */
  note(key: string, name: string): void;
  /** The name of the container with this key; undefined when none was started. */
  find(key: string): string | undefined;
}

/** @param stateDirectory of the attempt */
export function createStartedContainers(stateDirectory: string): StartedContainers {
  const directory = join(stateDirectory, 'started');
  const pathOf = (key: string): string =>
    join(directory, createHash('sha256').update(key).digest('hex').slice(0, 32));
  return {
    note(key, name) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      // Whoever dies before it is written has run nothing in the container.
      writeFileSync(pathOf(key), name, { mode: 0o600 });
    },
    find(key) {
      try {
        return readFileSync(pathOf(key), 'utf8') || undefined;
      } catch {
        return undefined;
      }
    },
  };
}
