// Which image a name stands for, read from the index that Podman keeps on disk: asking Podman
// itself takes as long as starting half a container.
import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomically } from '@rivet/base';

const DRIVERS = ['overlay', 'vfs', 'btrfs', 'zfs'];

export interface ImageIndexOptions {
  /** Podman's environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Remembers which file is the index; nothing is remembered when undefined. */
  readonly cacheFile: string | undefined;
  /** What the file depends on besides Podman's settings, such as the boot of the machine. */
  readonly machine: () => Promise<string>;
  /** Where Podman keeps images unless its settings say otherwise; known by itself when absent. */
  readonly storage?: string;
}

/** The names of an index as they were when the file had this version. */
interface Names {
  readonly version: string;
  readonly ids: ReadonlyMap<string, string>;
}

/**
 * Believed only after Podman has once answered the same as the file where an index usually is. The
 * file is replaced whenever an image comes, goes or gets a name, so what it says is never old.
 */
export class ImageIndex {
  readonly #options: ImageIndexOptions;
  #file: string | undefined;
  #recalled: Promise<void> | undefined;
  #names: Names | undefined;

  constructor(options: ImageIndexOptions) {
    this.#options = options;
  }

  /** The id of the image with this full name; undefined when Podman has to be asked. */
  async find(name: string): Promise<string | undefined> {
    this.#recalled ??= this.#recall();
    await this.#recalled;
    return this.#file === undefined ? undefined : await this.#idIn(this.#file, name);
  }

  /** Podman says that `name` is the image `id`: the file that says so too is the index. */
  async confirm(name: string, id: string): Promise<void> {
    this.#recalled ??= this.#recall();
    await this.#recalled;
    if (this.#file !== undefined && (await this.#idIn(this.#file, name)) === id) return;
    this.#file = undefined;
    for (const root of [this.#storage(), ...(await this.#configuredRoots())]) {
      for (const driver of DRIVERS) {
        const file = join(root, `${driver}-images/images.json`);
        if ((await this.#idIn(file, name)) !== id) continue;
        this.#file = file;
        await this.#remember(file);
        return;
      }
    }
  }

  /** Directories that the settings name. One that is not in use is not confirmed. */
  async #configuredRoots(): Promise<string[]> {
    const texts = this.#settings().map((path) => readFile(path, 'utf8').catch(() => ''));
    return (await Promise.all(texts)).flatMap((text) =>
      [...text.matchAll(/^\s*(?:graphroot|rootless_storage_path)\s*=\s*"([^"]+)"/gm)].map(
        ([, path = '']) =>
          path
            .replaceAll('$HOME', this.#options.env.HOME ?? '/')
            .replaceAll('$UID', String(process.getuid?.() ?? '')),
      ),
    );
  }

  /** What the index says was wrong: Podman is asked until it has confirmed it again. */
  doubt(): void {
    this.#recalled = Promise.resolve();
    this.#file = undefined;
  }

  async #idIn(file: string, name: string): Promise<string | undefined> {
    try {
      const { ino, size, mtimeNs } = await stat(file, { bigint: true });
      const version = `${file} ${ino} ${size} ${mtimeNs}`;
      if (this.#names?.version !== version) {
        this.#names = { version, ids: readNames(await readFile(file, 'utf8')) };
      }
      return this.#names.ids.get(name);
    } catch {
      return undefined;
    }
  }

  /** Where Podman keeps images unless its settings say otherwise. */
  #storage(): string {
    if (this.#options.storage !== undefined) return this.#options.storage;
    const { XDG_DATA_HOME: data, HOME: home = '/' } = this.#options.env;
    if (process.getuid?.() === 0) return '/var/lib/containers/storage';
    return join(data ?? join(home, '.local/share'), 'containers/storage');
  }

  async #recall(): Promise<void> {
    const { cacheFile } = this.#options;
    if (cacheFile === undefined) return;
    try {
      const stored = JSON.parse(await readFile(cacheFile, 'utf8')) as Record<string, unknown>;
      if (stored.key === (await this.#key()) && typeof stored.file === 'string') {
        this.#file = stored.file;
      }
    } catch {
      // Podman is asked, and confirms it again.
    }
  }

  async #remember(file: string): Promise<void> {
    const { cacheFile } = this.#options;
    if (cacheFile === undefined) return;
    try {
      await mkdir(dirname(cacheFile), { recursive: true, mode: 0o700 });
      await writeFileAtomically(cacheFile, `${JSON.stringify({ key: await this.#key(), file })}\n`);
    } catch {
      // The next process asks Podman once more.
    }
  }

  /** The files that say where Podman keeps images. */
  #settings(): string[] {
    const { env } = this.#options;
    return [
      '/etc/containers/storage.conf',
      join(env.XDG_CONFIG_HOME ?? join(env.HOME ?? '/', '.config'), 'containers/storage.conf'),
      env.CONTAINERS_STORAGE_CONF ?? '/usr/share/containers/storage.conf',
    ];
  }

  /** Other settings of the storage may mean another index. */
  async #key(): Promise<string> {
    const { env, machine } = this.#options;
    const versions = this.#settings().map(async (path) => {
      const found = await stat(path, { bigint: true }).catch(() => undefined);
      return `${path} ${found?.ino} ${found?.mtimeNs}`;
    });
    const drivers = Object.entries(env).filter(([name]) => name.startsWith('STORAGE_'));
    return JSON.stringify([await machine(), this.#storage(), drivers, await Promise.all(versions)]);
  }
}

/**
 * The ids by name. Two images never have one name; should they, Podman has to say which it is.
 * @throws when it is no such index
 */
export function readNames(text: string): ReadonlyMap<string, string> {
  const ids = new Map<string, string>();
  const twice = new Set<string>();
  for (const { id, names } of JSON.parse(text) as { id?: unknown; names?: unknown }[]) {
    if (typeof id !== 'string' || !/^[0-9a-f]{64}$/.test(id) || !Array.isArray(names)) continue;
    for (const name of names as unknown[]) {
      if (typeof name !== 'string') continue;
      if (ids.has(name)) twice.add(name);
      ids.set(name, id);
    }
  }
  for (const name of twice) ids.delete(name);
  return ids;
}
