// Notices when containers cannot be started here any more, and tries until one can: a runner that
// is sick would take the jobs of the healthy ones.
import { backoffMs, isRivetError, type Logger, sleep, toRivetError } from '@rivet/base';
import {
  type ContainerDriver,
  type ContainerSpec,
  type DriverFinding,
  decorateDriver,
} from '@rivet/containers';

const BACKOFF = { baseMs: 1_000, maxMs: 30_000 };
/** A try that follows a failed one waits at least this long, in milliseconds. */
const PAUSE_MS_MIN = 500;

export interface PodmanWatchOptions {
  readonly driver: ContainerDriver;
  /** Starts a container of the runner's own; resolves with what keeps jobs from running. */
  readonly probe: () => Promise<readonly DriverFinding[]>;
  readonly logger: Logger;
  /** `problem` is another. */
  readonly onChange: () => void;
  /** Of this machine when absent. */
  readonly pause?: typeof sleep;
}

export class PodmanWatch {
  readonly #options: PodmanWatchOptions;
  readonly #stop = new AbortController();
  /** Starts that failed one after the other, whatever probes in between said. */
  #failed = 0;
  #problem: string | undefined;
  #probing: Promise<void> | undefined;
  /** The driver of the options; the watch sees what becomes of its containers. */
  readonly driver: ContainerDriver;

  constructor(options: PodmanWatchOptions) {
    this.#options = options;
    const { driver } = options;
    this.driver = decorateDriver(driver, {
      start: async (spec: ContainerSpec, signal?: AbortSignal) => {
        try {
          const container = await driver.start(spec, signal);
          this.#failed = 0;
          return container;
        } catch (error) {
          if (signal?.aborted !== true && isOfMachine(error)) this.#failed += 1;
          throw this.#noted(error, signal);
        }
      },
      ensureImage: (image, asked) =>
        driver.ensureImage(image, asked).catch((error: unknown) => {
          throw this.#noted(error, asked.signal);
        }),
      pullImage: (image, asked) =>
        driver.pullImage(image, asked).catch((error: unknown) => {
          throw this.#noted(error, asked.signal);
        }),
    });
  }

  /** Why no container can be started, as the end of "the runner …"; undefined when one can. */
  get problem(): string | undefined {
    return this.#problem;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#probing;
  }

  /** Begins to doubt the machine where the error tells of it; returns the error. */
  #noted(error: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted !== true && isOfMachine(error)) this.#doubt(error);
    return error;
  }

  #doubt(error: unknown): void {
    if (this.#probing !== undefined || this.#stop.signal.aborted) return;
    // Not the message: a script may have chosen the image in it.
    this.#tell(`its Podman has just failed (${toRivetError(error).code}) and is being tried`);
    this.#probing = this.#probe().finally(() => {
      this.#probing = undefined;
    });
  }

  /** One container that could not be started may be its own fault, so a good one ends the doubt. */
  async #probe(): Promise<void> {
    const { probe, logger, pause = sleep } = this.#options;
    const { signal } = this.#stop;
    for (let tried = Math.max(1, this.#failed); !signal.aborted; tried += 1) {
      if (tried > 1) await pause(PAUSE_MS_MIN + backoffMs(tried - 1, BACKOFF), signal);
      if (signal.aborted) return;
      const findings = await probe();
      if (findings.length === 0) {
        logger.info({ tried }, 'Podman starts containers again: takes jobs');
        this.#tell(undefined);
        return;
      }
      const what = findings.map(({ subject, seen }) => `${subject}: ${seen}`).join('; ');
      const problem = `its Podman does not work (${what})`;
      if (problem !== this.#problem) logger.warn({}, `takes no jobs: ${problem}`);
      this.#tell(problem);
    }
  }

  #tell(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#options.onChange();
  }
}

/** Whether the next container would not start here either, as far as the error can tell. */
function isOfMachine(error: unknown): boolean {
  if (!isRivetError(error)) return true;
  return isRivetError(
    error,
    'RIVET_CONTAINER_PODMAN_MISSING',
    'RIVET_CONTAINER_PODMAN_TIMEOUT',
    'RIVET_CONTAINER_PODMAN_FAILED',
    'RIVET_CONTAINER_PODMAN_GARBAGE',
  );
}
