// The flags that Podman needs on this machine: found out once, remembered for the next program.
import { readFile } from 'node:fs/promises';
import type { Logger } from '@rivet/base';
import { PLAIN_FLAGS, type RuntimeFlags, recallFlags, rememberFlags } from './runtime.ts';

export class MachineFlags {
  readonly #cacheFile: string | undefined;
  readonly #logger: Logger;
  #current: RuntimeFlags = PLAIN_FLAGS;
  #proven = false;
  #recalled: Promise<void> | undefined;
  #learning: Promise<unknown> | undefined;

  /** @param cacheFile remembers them; undefined: each program finds out for itself */
  constructor(cacheFile: string | undefined, logger: Logger) {
    this.#cacheFile = cacheFile;
    this.#logger = logger;
  }

  /** What is known so far. */
  get current(): RuntimeFlags {
    return this.#current;
  }

  /** Whether a container was started with them. */
  get proven(): boolean {
    return this.#proven;
  }

  /** Reads what was remembered, once; to be awaited before `current` is used. */
  recall(): Promise<void> {
    this.#recalled ??= (async () => {
      if (this.#cacheFile === undefined) return;
      const flags = await recallFlags(this.#cacheFile, await machineKey());
      if (flags === undefined) return;
      this.#current = flags;
      this.#proven = true;
    })();
    return this.#recalled;
  }

  /**
   * Runs `start`. At most one start at a time finds out what this machine needs; the others wait for
   * what it learned.
   */
  async afterLearning(start: () => Promise<void>): Promise<void> {
    if (!this.#proven) await this.#learning?.catch(() => undefined);
    if (this.#proven) return await start();
    const learning = start();
    this.#learning ??= learning;
    await learning.finally(() => {
      if (this.#learning === learning) this.#learning = undefined;
    });
  }

  /** A container was started with these. */
  async learned(flags: RuntimeFlags): Promise<void> {
    const news = flags !== this.#current;
    this.#current = flags;
    this.#proven = true;
    if (news && flags.reasons.length > 0) {
      this.#logger.warn({ reasons: flags.reasons }, 'Podman needs help on this machine');
    }
    if (news && this.#cacheFile !== undefined) {
      await rememberFlags(this.#cacheFile, await machineKey(), flags);
    }
  }
}

/** Another boot, user or version of this may need other flags. */
export async function machineKey(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return `1 ${boot.trim()} ${process.getuid?.()}`;
}
