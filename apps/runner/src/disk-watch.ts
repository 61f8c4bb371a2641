// Looks every few seconds whether the disks of a runner have room for jobs, and makes room by
// removing images that nobody has used for long.
import { describeThrown, formatDuration, type Logger } from '@rivet/base';
import type { ContainerDriver } from '@rivet/containers';
import { type ReadDisk, shortageOf } from './disk-space.ts';

const LOOK_EVERY_MS = 5_000;
/** While it is short: images get old enough, and containers of others end. */
const PRUNE_EVERY_MS = 60_000;
/** What is told is not told anew with every byte, but this often, in milliseconds. */
const TELL_EVERY_MS = 60_000;
/** After Podman could not say where images lie. */
const FIND_AGAIN_MS = 60_000;

export interface DiskWatchOptions {
  readonly driver: Pick<ContainerDriver, 'storageDirectory' | 'pruneImages'>;
  readonly stateDirectory: string;
  readonly readDisk: ReadDisk;
  /** 0: it is not looked; undefined: as the size of the disk says. */
  readonly bytesMin: number | undefined;
  /** How long an image must be unused to be removed, in milliseconds; 0: none is. */
  readonly imageMsMax: number;
  /** Milliseconds, from whenever. */
  readonly clock: () => number;
  readonly logger: Logger;
  /** `problem` is another. */
  readonly onChange: () => void;
}

export class DiskWatch {
  readonly #options: DiskWatchOptions;
  readonly #stop = new AbortController();
  #storage: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #findAgain: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  /** A look that follows the one under way. */
  #next: Promise<void> | undefined;
  #pruning: Promise<void> | undefined;
  #prunedAt = Number.NEGATIVE_INFINITY;
  #problem: string | undefined;
  #toldAt = 0;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  /** Why there is no room for jobs, as the end of "the runner …"; undefined when there is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Looks once, and every few seconds from then on. */
  async start(): Promise<void> {
    if (this.#options.bytesMin === 0) return;
    await this.look();
    void this.#findStorage();
    this.#timer = setInterval(() => {
      if (this.#looking === undefined) void this.look();
    }, LOOK_EVERY_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    clearTimeout(this.#findAgain);
    this.#stop.abort();
    await Promise.all([this.#looking, this.#next, this.#pruning]);
  }

  /** Looks now, or after the look that is under way: a disk may take its time. Never rejects. */
  look(): Promise<void> {
    if (this.#looking !== undefined) {
      this.#next ??= this.#looking.then(() => {
        this.#next = undefined;
        return this.look();
      });
      return this.#next;
    }
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { stateDirectory, bytesMin, readDisk, logger } = this.#options;
    const wasShort = this.#problem !== undefined;
    const places = [...new Set([stateDirectory, this.#storage ?? stateDirectory])];
    let problem: string | undefined;
    for (const place of places) {
      try {
        const shortage = shortageOf(await readDisk(place), bytesMin, wasShort);
        if (shortage !== undefined) problem ??= `its disk ${place} ${shortage}`;
      } catch (error) {
        // Whether jobs can run is seen by running them.
        logger.debug({ err: error, place }, 'a disk could not be looked at');
      }
    }
    this.#tell(problem);
    if (problem !== undefined) this.#pruneInTime();
  }

  #tell(problem: string | undefined): void {
    const { clock, logger, onChange } = this.#options;
    const before = this.#problem;
    if (problem === before) return;
    const isNew = (problem === undefined) !== (before === undefined);
    if (!isNew && clock() - this.#toldAt < TELL_EVERY_MS) return;
    this.#problem = problem;
    this.#toldAt = clock();
    if (problem === undefined) logger.info({}, 'the disk has room again: takes jobs');
    else if (isNew) logger.warn({}, `takes no jobs: ${problem}`);
    onChange();
  }

  async #findStorage(): Promise<void> {
    const { driver, logger } = this.#options;
    try {
      this.#storage = await driver.storageDirectory();
    } catch (error) {
      logger.debug({ err: error }, 'it is not known where images lie');
      if (this.#stop.signal.aborted) return;
      this.#findAgain = setTimeout(() => void this.#findStorage(), FIND_AGAIN_MS).unref();
      return;
    }
    await this.look();
  }

  #pruneInTime(): void {
    const { clock, imageMsMax } = this.#options;
    const isTime = clock() - this.#prunedAt >= PRUNE_EVERY_MS;
    if (imageMsMax === 0 || !isTime || this.#pruning !== undefined) return;
    this.#prunedAt = clock();
    this.#pruning = this.#prune().finally(() => {
      this.#pruning = undefined;
    });
  }

  async #prune(): Promise<void> {
    const { driver, imageMsMax, logger } = this.#options;
    try {
      const images = await driver.pruneImages({
        unusedMs: imageMsMax,
        isEnough: async () => {
          await this.look();
          return this.#problem === undefined;
        },
        signal: this.#stop.signal,
      });
      const unused = formatDuration(imageMsMax);
      if (images > 0) logger.info({ images }, `removed images that no job had used for ${unused}`);
    } catch (error) {
      logger.warn({ err: error }, `images could not be removed: ${describeThrown(error)}`);
    }
  }
}
