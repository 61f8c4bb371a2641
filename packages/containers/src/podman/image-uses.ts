// Remembers which images Rivet pulled, and when a container last used each: nothing else may be
// removed for want of room, and nothing that was used lately.
import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '@rivet/base';

const ID = /^[0-9a-f]{64}$/;
/** A use is written down at most so often, in milliseconds. */
const NOTE_EVERY_MS = 60_000;
const NOTED_MAX = 1_000;

export interface PulledImage {
  readonly id: string;
  /** Full names that it was pulled by. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly usedAt: number;
}

/**
 * One file an image, which all programs of Rivet share that have the same settings: it is named by
 * the id, holds the names, and was changed last when the image was used last. What cannot be
 * written down is not Rivet's to remove.
 */
export class ImageUses {
  readonly #directory: string | undefined;
  readonly #notedAt = new Map<string, number>();

  /** @param directory made when it is needed; undefined: nothing is remembered */
  constructor(directory: string | undefined) {
    this.#directory = directory;
  }

  /** The image `id` was pulled by the full name `name`, and was not there by that name before. */
  async pulled(id: string, name: string): Promise<void> {
    const path = this.#pathOf(id);
    if (this.#directory === undefined || path === undefined) return;
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const names = new Set([...(await namesIn(path)), name]);
    await writeFileAtomically(path, `${[...names].join('\n')}\n`);
  }

  /** Whether an image that it remembers was pulled by this full name. */
  async hasName(name: string): Promise<boolean> {
    return (await this.list()).some(({ names }) => names.includes(name));
  }

  /**
   * A container of the image is about to run, or has ended. Never throws.
   * @param image its id or its full name
   */
  async used(image: string): Promise<void> {
    const now = performance.now();
    if (now - (this.#notedAt.get(image) ?? Number.NEGATIVE_INFINITY) < NOTE_EVERY_MS) return;
    if (this.#notedAt.size >= NOTED_MAX) this.#notedAt.clear();
    this.#notedAt.set(image, now);
    const ids = ID.test(image)
      ? [image]
      : (await this.list()).filter(({ names }) => names.includes(image)).map(({ id }) => id);
    for (const id of ids) await this.#touch(id);
  }

  /** All that are remembered; those that nobody has used for longest come first. */
  async list(): Promise<readonly PulledImage[]> {
    if (this.#directory === undefined) return [];
    const found: PulledImage[] = [];
    for (const id of await readdir(this.#directory).catch(() => [])) {
      const path = this.#pathOf(id);
      const usedAt = path === undefined ? undefined : await this.usedAt(id);
      if (path === undefined || usedAt === undefined) continue;
      found.push({ id, names: await namesIn(path), usedAt });
    }
    return found.sort((a, b) => a.usedAt - b.usedAt);
  }

  /** Milliseconds since the epoch; undefined when it is not remembered. */
  async usedAt(id: string): Promise<number | undefined> {
    const path = this.#pathOf(id);
    if (path === undefined) return undefined;
    return (await stat(path).catch(() => undefined))?.mtimeMs;
  }

  /** It is not there any more. */
  async forget(id: string): Promise<void> {
    const path = this.#pathOf(id);
    if (path !== undefined) await rm(path, { force: true });
  }

  async #touch(id: string): Promise<void> {
    const path = this.#pathOf(id);
    const now = new Date();
    // Most images are not remembered: they were there before.
    if (path !== undefined) await utimes(path, now, now).catch(() => undefined);
  }

  #pathOf(id: string): string | undefined {
    if (this.#directory === undefined || !ID.test(id)) return undefined;
    return join(this.#directory, id);
  }
}

async function namesIn(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').filter((name) => name !== '');
}
