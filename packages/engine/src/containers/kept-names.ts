// What an attempt has given a name to, on the disk: a later process finds it again by that.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface KeptNames {
  /** Keeps a name for the process that comes after this one. */
  note(key: string, name: string): void;
  /** Undefined when none was kept. */
  find(key: string): string | undefined;
  drop(key: string): void;
}

/** @param directory where nothing else is */
export function createKeptNames(directory: string): KeptNames {
  const pathOf = (key: string): string =>
    join(directory, createHash('sha256').update(key).digest('hex').slice(0, 32));
  return {
    note(key, name) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      // Whoever dies before it is written has used nothing of that name.
      writeFileSync(pathOf(key), name, { mode: 0o600 });
    },
    find(key) {
      try {
        return readFileSync(pathOf(key), 'utf8') || undefined;
      } catch {
        return undefined;
      }
    },
    drop: (key) => rmSync(pathOf(key), { force: true }),
  };
}
