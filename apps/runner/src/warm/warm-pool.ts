// Keeps a few containers started before a job needs them: of the images that jobs used lately, each
// for one job only.
import { randomUUID } from 'node:crypto';
import { describeThrown, type Logger, Wakeup } from '@rivet/base';
import {
  type ContainerDriver,
  type ContainerSpec,
  LABEL_RIVET,
  LABEL_WARM,
} from '@rivet/containers';
import type { ClaimedJob } from '@rivet/protocol';
import type { Disposal } from '../disposal.ts';
import { ownerLabels } from '../labels.ts';
import type { AttemptDirectory, StateDirectory } from '../state-directory.ts';
import { Demand, keyText, type WantedKey } from './demand.ts';
import type { WarmKey } from './warm-key.ts';
import { controlDirectoryOf, keyOfSpec, WarmSlot } from './warm-slot.ts';

/** Nothing is started for so long after a job came or went: its own start comes first. */
const QUIET_MS = 100;
/** On a runner that always has jobs it is done all the same after so long, in milliseconds. */
const BUSY_MS = 1_500;
/** How often it is looked at without anything having happened, in milliseconds. */
const LOOK_MS = 60_000;
/** After a container could not be started. */
const PAUSE_MS = 30_000;
/** With less memory free than this nothing stands ready, in bytes. */
const FREE_BYTES_MIN = 256 * 1024 ** 2;

export interface WarmPoolOptions {
  readonly driver: ContainerDriver;
  readonly state: StateDirectory;
  readonly disposal: Disposal;
  readonly logger: Logger;
  /** How many stand ready; 0: none ever. */
  readonly size: number;
  /** What is worth having ready before any job came. */
  readonly first: WantedKey;
  /** Jobs that run now. */
  readonly running: () => number;
  /** Bytes of memory that a program could still have. */
  readonly freeBytes: () => number;
  /** Milliseconds, from whenever. */
  readonly clock: () => number;
}

export class WarmPool {
  readonly #options: WarmPoolOptions;
  readonly #demand: Demand;
  readonly #wakeup = new Wakeup();
  readonly #stop = new AbortController();
  #slots: WarmSlot[] = [];
  #activityAt: number;
  /** When the first job came or went since it was looked at; undefined when none has. */
  #changedAt: number | undefined;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #upkeep: Promise<void> | undefined;

  constructor(options: WarmPoolOptions) {
    this.#options = options;
    this.#demand = new Demand(options.clock);
    this.#activityAt = options.clock();
  }

  /** Begins to keep containers ready; none is when this returns. */
  start(): void {
    if (this.#options.size > 0) this.#upkeep ??= this.#run();
  }

  /** How many stand ready now. */
  get size(): number {
    return this.#slots.length;
  }

  /**
   * Takes the slot that the first container of the job most likely fits; undefined when there is
   * none. Whoever takes it moves it and removes it.
   */
  async take(job: Pick<ClaimedJob, 'pipeline' | 'definition'>): Promise<WarmSlot | undefined> {
    this.touch();
    for (;;) {
      const slot = this.#choose(job);
      if (slot === undefined) return undefined;
      this.#slots = this.#slots.filter((other) => other !== slot);
      if (await slot.isReady()) return slot;
      this.#discard(slot);
    }
  }

  /** A job of `pipeline` asked for this container; the next one may find one like it ready. */
  noteStart(spec: ContainerSpec, pipeline: string): void {
    const [{ source = '' } = {}] = spec.mounts;
    const key = keyOfSpec(spec, source);
    if (this.#options.size > 0 && key !== undefined) this.#demand.note(key, pipeline);
  }

  /** A job came or went. */
  touch(): void {
    this.#activityAt = this.#options.clock();
    this.#changedAt ??= this.#activityAt;
    this.#wakeup.notify();
  }

  /** Ends what stands ready; its records and files are left to the disposal. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wakeup.notify();
    await this.#upkeep;
    await Promise.all(this.#slots.splice(0).map((slot) => this.#discard(slot)));
  }

  #choose({
    pipeline,
    definition,
  }: Pick<ClaimedJob, 'pipeline' | 'definition'>): WarmSlot | undefined {
    if (this.#slots.length === 0) return undefined;
    const image = definition.stages[0]?.container?.image ?? this.#options.first.image;
    const fits = this.#slots.map((slot) => this.#demand.expects(pipeline, slot.key));
    const known = fits.indexOf(true);
    if (known !== -1) return this.#slots[known];
    if (fits.includes(false)) return undefined;
    return this.#slots.find(({ key }) => key.image === image);
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const waitMs = this.#untilQuietMs();
      if (waitMs > 0) {
        await this.#wait(waitMs);
        continue;
      }
      this.#changedAt = undefined;
      const isDone = await this.#improve().catch((error: unknown) => {
        this.#pausedUntil = this.#options.clock() + PAUSE_MS;
        const reason = describeThrown(error);
        this.#options.logger.warn({ err: error }, `no container stands ready: ${reason}`);
        return true;
      });
      if (isDone) await this.#wait(LOOK_MS);
    }
  }

  async #wait(ms: number): Promise<void> {
    if (!this.#stop.signal.aborted) await this.#wakeup.wait(ms);
  }

  #untilQuietMs(): number {
    const { clock, running } = this.#options;
    const quietAt = this.#activityAt + (running() === 0 ? QUIET_MS : BUSY_MS);
    const latest = (this.#changedAt ?? this.#activityAt) + BUSY_MS;
    return Math.max(Math.min(quietAt, latest), this.#pausedUntil) - clock();
  }

  /** Removes what is of no use, or starts one more; returns whether there was nothing to do. */
  async #improve(): Promise<boolean> {
    const { size, first, freeBytes } = this.#options;
    const count = freeBytes() < FREE_BYTES_MIN ? 0 : size;
    const wanted = [...this.#demand.wanted(count, first)];
    for (const slot of [...this.#slots]) {
      const index = wanted.findIndex((key) => keyText(key) === keyText(slot.key));
      const isGood = index !== -1 && (await this.#isCurrent(slot));
      if (isGood) wanted.splice(index, 1);
      // It may have been taken while it was looked at.
      else if (this.#slots.includes(slot)) {
        this.#slots = this.#slots.filter((other) => other !== slot);
        await this.#discard(slot);
      }
    }
    for (const key of wanted) {
      const imageId = await this.#idOf(key.image);
      if (imageId === undefined) continue;
      await this.#add({ ...key, imageId });
      return false;
    }
    return true;
  }

  async #isCurrent(slot: WarmSlot): Promise<boolean> {
    return (await slot.isReady()) && (await this.#idOf(slot.key.image)) === slot.key.imageId;
  }

  /** Nothing is pulled for a job that may never come. */
  async #idOf(image: string): Promise<string | undefined> {
    const { driver } = this.#options;
    const { signal } = this.#stop;
    return await driver.ensureImage(image, { pull: 'never', signal }).catch(() => undefined);
  }

  async #add(key: WarmKey): Promise<void> {
    const { driver, state, disposal } = this.#options;
    const directory = await state.makeSlot();
    try {
      const container = await driver.start(this.#specOf(key, directory), this.#stop.signal);
      const slot = new WarmSlot(key, container, directory);
      if (this.#stop.signal.aborted) await this.#discard(slot);
      else this.#slots.push(slot);
    } catch (error) {
      disposal.addDirectory(directory.path);
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  #specOf(key: WarmKey, directory: AttemptDirectory) {
    const name = `rivet-warm-${randomUUID()}`;
    const { image, imageId, network, user, readonly } = key;
    return {
      name,
      image,
      imageId,
      network,
      user,
      labels: { ...ownerLabels(this.#options.state.owner), [LABEL_RIVET]: '1', [LABEL_WARM]: '1' },
      env: {},
      mounts: [{ source: directory.workspace, target: '/workspace', readonly }],
      entrypoint: [],
      memoryBytes: undefined,
      cpus: undefined,
      pids: undefined,
      privileged: false,
      controlDirectory: controlDirectoryOf(directory, name),
    };
  }

  async #discard(slot: WarmSlot): Promise<void> {
    const { disposal, logger } = this.#options;
    for (const container of slot.takeRest()) {
      await container.kill().catch((error: unknown) => {
        logger.error({ err: error, container: container.name }, 'a container could not be ended');
      });
      disposal.addContainers([container.name]);
    }
    disposal.addDirectory(slot.path);
  }
}
