// The files of a bundle while it is read: what one file requires is taken in with it.
import { realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { RivetError } from '@rivet/base';
import { BUNDLE_BYTES_MAX, BUNDLE_FILES_MAX, tooLarge } from './bundle-limits.ts';
import { readSource } from './read-source.ts';
import { requiredNames } from './required-names.ts';

export class BundleFiles {
  readonly #path: string;
  readonly #files = new Map<string, string>();
  #bytes = 0;

  /** @param path the main file as the person knows it, for messages */
  constructor(path: string) {
    this.#path = path;
  }

  /** Text by path in the bundle. */
  get files(): ReadonlyMap<string, string> {
    return this.#files;
  }

  /** @throws RIVET_PIPELINE_TOO_LARGE */
  add(key: string, text: string): void {
    this.#files.set(key, text);
    this.#bytes += Buffer.byteLength(text);
    if (this.#bytes > BUNDLE_BYTES_MAX) {
      throw tooLarge(`the bundle of ${this.#path} (with ${key})`, this.#bytes, BUNDLE_BYTES_MAX);
    }
    if (this.#files.size > BUNDLE_FILES_MAX) {
      throw RivetError.of('RIVET_PIPELINE_TOO_LARGE', {
        what: `the bundle of ${this.#path}`,
        found: `${this.#files.size} files`,
        limit: `${BUNDLE_FILES_MAX} files`,
      });
    }
  }

  /**
   * Takes in the files below `folder` that `text` requires, and those that they require.
   * @param folder a real path
   * @param prefix of their paths in the bundle; empty, or ends with a slash
   * @returns the required names that have no file there
   */
  async addRequired(folder: string, prefix: string, text: string): Promise<string[]> {
    const missing: string[] = [];
    const waiting = requiredNames(text);
    const seen = new Set(waiting);
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const found = await findModule(folder, name);
      if (found === undefined) missing.push(name);
      if (found === undefined || this.#files.has(prefix + found.key)) continue;
      const required = await readSource(found.path, join(folder, found.key));
      this.add(prefix + found.key, required);
      for (const next of requiredNames(required)) {
        if (!seen.has(next)) waiting.push(next);
        seen.add(next);
      }
    }
    return missing;
  }
}

/** The file of a module inside of `folder`, and its path below it. */
async function findModule(
  folder: string,
  name: string,
): Promise<{ key: string; path: string } | undefined> {
  const stem = name.replaceAll('.', '/');
  for (const key of [`${stem}.lua`, `${stem}/init.lua`]) {
    const path = await realpath(join(folder, key)).catch(() => undefined);
    if (path === undefined) continue;
    refuseOutside(folder, key, path);
    return { key, path };
  }
  return undefined;
}

/** @throws RIVET_PIPELINE_FILE_OUTSIDE when a link leads out of the folder */
export function refuseOutside(folder: string, key: string, path: string): void {
  const inside = relative(folder, path);
  if (inside !== '..' && !inside.startsWith(`..${sep}`)) return;
  throw RivetError.of('RIVET_PIPELINE_FILE_OUTSIDE', { path: key, target: path, folder });
}
