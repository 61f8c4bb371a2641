// The part of a download that is there: grows, goes on after a break, or starts anew.
import { createHash, type Hash } from 'node:crypto';
import { fsync, ftruncate, write } from 'node:fs';
import { promisify } from 'node:util';
import { fsFailure } from '../fs/fs-failure.ts';
import type { Jail } from '../fs/jail.ts';
import type { PathBytes } from '../fs/script-path.ts';
import type { SpaceLimits } from '../fs/space-limits.ts';

const writeBytes = promisify(write);
const truncateFile = promisify(ftruncate);
const syncFile = promisify(fsync);

/** What is reserved in the workspace at a time while the size of a file is not known. */
const RESERVE_BYTES = 1024 * 1024;

/** Where the bytes go. */
export interface FileTarget {
  readonly jail: Jail;
  /** For messages. */
  readonly path: PathBytes;
  readonly fd: number;
  /** Bytes of the file that is replaced. */
  readonly replacedBytes: number;
  readonly limits: SpaceLimits;
}

export class PartialFile {
  readonly #target: FileTarget;
  #length = 0;
  #reserved: number;
  #hash: Hash = createHash('sha256');
  /** The strong validator of the file that the bytes are of. */
  #etag: string | undefined;

  constructor(target: FileTarget) {
    this.#target = target;
    this.#reserved = target.replacedBytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Ask for what is missing, if the file is still the same. */
  get resumeHeaders(): Readonly<Record<string, string>> {
    if (this.#length === 0 || this.#etag === undefined) return {};
    return { range: `bytes=${this.#length}-`, 'if-range': this.#etag };
  }

  /** Begins at the first byte. */
  async restart(etag: string | undefined): Promise<void> {
    // A weak validator does not promise the same bytes.
    this.#etag = etag?.startsWith('"') === true ? etag : undefined;
    if (this.#length === 0) return;
    this.#length = 0;
    this.#hash = createHash('sha256');
    await this.#attempt(() => truncateFile(this.#target.fd, 0));
  }

  /**
   * Makes sure that the workspace has room for a file of this size.
   * @throws RIVET_FS_FILE_MAX, RIVET_FS_WORKSPACE_MAX
   */
  async reserve(bytes: number, ahead = 0): Promise<void> {
    const { jail, path, limits } = this.#target;
    const added = bytes > this.#reserved ? bytes - this.#reserved + ahead : 0;
    await limits.check(jail.call, path, bytes, added);
    this.#reserved += added;
  }

  async append(chunk: Uint8Array): Promise<void> {
    await this.reserve(this.#length + chunk.length, RESERVE_BYTES);
    await this.#attempt(async () => {
      for (let from = 0; from < chunk.length; ) {
        const rest = chunk.length - from;
        const { bytesWritten } = await writeBytes(
          this.#target.fd,
          chunk,
          from,
          rest,
          this.#length + from,
        );
        from += bytesWritten;
      }
    });
    this.#hash.update(chunk);
    this.#length += chunk.length;
  }

  /** Of all bytes that are there, in hexadecimal. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Resolves when the bytes are on the disk. */
  async sync(): Promise<void> {
    await this.#attempt(() => syncFile(this.#target.fd));
  }

  async #attempt(action: () => Promise<unknown>): Promise<void> {
    try {
      await action();
    } catch (error) {
      const { jail, path } = this.#target;
      throw fsFailure(error, jail.call, path);
    }
  }
}
