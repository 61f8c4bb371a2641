// Images on this machine: is one there, and pulling it, once however many ask.
import {
  backoffMs,
  formatDuration,
  isRivetError,
  type Logger,
  RivetError,
  sleep,
  unlessAborted,
} from '@rivet/base';
import type { ImageFacts, PullOptions } from '../image-operations.ts';
import { isImageId, parseImageName, qualifyImageName } from '../images.ts';
import { essence, type PodmanCli, type PodmanResult } from './cli.ts';
import { imageFacts } from './image-facts.ts';
import type { ImageIndex } from './image-index.ts';
import type { ImageUses } from './image-uses.ts';
import { isPassing, pullError } from './pull-error.ts';
import type { RegistrySettings } from './registry-settings.ts';

const PULL_TIMEOUT_MS = 5 * 60_000;
const EXISTS_TIMEOUT_MS = 30_000;
const TRIES_MAX = 4;
/** How often Podman is asked for an id to find its index with, where that lies elsewhere. */
const INDEX_QUESTIONS_MAX = 3;
const PAUSE_BASE_MS = 1_000;
const PAUSE_MAX_MS = 8_000;

/** A pull that several may wait for. */
interface Pull {
  /** Resolves with the id, when Podman told it. */
  readonly done: Promise<string | undefined>;
  readonly abort: AbortController;
  waiting: number;
}

export interface ImageStoreOptions {
  readonly podman: PodmanCli;
  readonly globalFlags: () => readonly string[];
  readonly registries: RegistrySettings;
  readonly index: ImageIndex;
  readonly uses: ImageUses;
  readonly logger: Logger;
  /** Of one pull with all its tries; five minutes when undefined. */
  readonly pullTimeoutMs: number | undefined;
}

export class ImageStore {
  readonly #options: ImageStoreOptions;
  readonly #pullTimeoutMs: number;
  readonly #pulls = new Map<string, Pull>();
  readonly #questions = new Map<string, Promise<boolean>>();
  #indexQuestions = 0;

  constructor(options: ImageStoreOptions) {
    this.#options = options;
    this.#pullTimeoutMs = options.pullTimeoutMs ?? PULL_TIMEOUT_MS;
  }

  /** Makes sure that the image is there; returns its id where that is known cheaply. */
  async ensureId(image: string, options: PullOptions): Promise<string | undefined> {
    const { index } = this.#options;
    if (isImageId(image)) {
      await this.ensure(image, options);
      return image;
    }
    const name = qualifyImageName(image);
    const known = options.pull === 'always' ? undefined : await index.find(name);
    if (known !== undefined) return known;
    const pulled = await this.ensure(image, options);
    if (pulled !== 'there') return await this.#confirmed(name, pulled);
    const found = await index.find(name);
    if (found !== undefined || this.#indexQuestions >= INDEX_QUESTIONS_MAX) return found;
    this.#indexQuestions += 1;
    return await this.#confirmed(name, (await this.facts(image, options.signal)).id);
  }

  async #confirmed(name: string, id: string | undefined): Promise<string | undefined> {
    if (id !== undefined) await this.#options.index.confirm(name, id);
    return id;
  }

  /** An image that should have been there was not. */
  doubtIndex(): void {
    this.#options.index.doubt();
  }

  /**
   * See ImageOperations.pullImage.
   * @returns `there`, or the id of what was pulled, when Podman told it
   */
  async ensure(image: string, options: PullOptions): Promise<string | undefined> {
    const { pull, signal, verify = false } = options;
    const isId = isImageId(image);
    if (!isId) parseImageName(image);
    const mayBeThere = pull !== 'always' && !verify;
    if ((mayBeThere || isId) && (await this.exists(image, signal))) return 'there';
    const isLocal = isId || qualifyImageName(image).startsWith('localhost/');
    if (pull === 'never' || isLocal) {
      const missing = isLocal
        ? 'it is not on this machine, and no registry has it'
        : 'it is not on this machine and may not be pulled';
      const reason = verify
        ? 'its signature must be verified, so it has to come from a registry'
        : missing;
      throw RivetError.of('RIVET_CONTAINER_IMAGE_NOT_FOUND', { image, reason });
    }
    return await this.#sharedPull(image, options, mayBeThere);
  }

  /**
   * Asked once for all who ask at the same time, so that those who are told no go on together: a
   * pull that began and ended between two answers would be made twice.
   */
  async exists(image: string, signal?: AbortSignal): Promise<boolean> {
    const name = plainName(image);
    let question = this.#questions.get(name);
    if (question === undefined) {
      question = this.#ask(image).finally(() => this.#questions.delete(name));
      this.#questions.set(name, question);
    }
    return await unlessAborted(question, signal);
  }

  async #ask(image: string): Promise<boolean> {
    const { podman, globalFlags } = this.#options;
    const result = await podman.run({
      action: `look for the image ${image}`,
      args: [...globalFlags(), 'image', 'exists', '--', plainName(image)],
      timeoutMs: EXISTS_TIMEOUT_MS,
    });
    if (result.exitCode > 1) {
      throw podman.failure(`look for the image ${image}`, essence(result));
    }
    return result.exitCode === 0;
  }

  /** Which image of this machine it is. */
  async facts(image: string, signal?: AbortSignal): Promise<ImageFacts> {
    const { podman, globalFlags } = this.#options;
    const answer = await podman.expectJson({
      action: `look at the image ${image}`,
      args: [...globalFlags(), 'image', 'inspect', '--format=json', '--', plainName(image)],
      timeoutMs: EXISTS_TIMEOUT_MS,
      signal,
    });
    return imageFacts(answer, isImageId(image) ? undefined : qualifyImageName(image));
  }

  /** @param isMissing whether it is known that no image has this name yet */
  async #sharedPull(
    image: string,
    options: PullOptions,
    isMissing: boolean,
  ): Promise<string | undefined> {
    const { signal, authFile } = options;
    signal?.throwIfAborted();
    // What one may see with its credentials another may not.
    const key = JSON.stringify([qualifyImageName(image), authFile]);
    const pull = this.#pulls.get(key) ?? this.#startPull(key, image, authFile, isMissing);
    pull.waiting += 1;
    try {
      return await unlessAborted(pull.done, signal);
    } finally {
      pull.waiting -= 1;
      // The last one who leaves ends it.
      if (pull.waiting === 0) {
        if (this.#pulls.get(key) === pull) this.#pulls.delete(key);
        pull.abort.abort();
        await pull.done.catch(() => undefined);
      }
    }
  }

  #startPull(key: string, image: string, authFile: string | undefined, isMissing: boolean): Pull {
    const abort = new AbortController();
    const pulling = this.#pullAndNote(image, authFile, isMissing, abort.signal);
    const done = pulling.finally(() => {
      if (this.#pulls.get(key) === pull) this.#pulls.delete(key);
    });
    done.catch(() => undefined);
    const pull: Pull = { done, abort, waiting: 0 };
    this.#pulls.set(key, pull);
    return pull;
  }

  /** Only what Rivet brought to this machine may it take away again. */
  async #pullAndNote(
    image: string,
    authFile: string | undefined,
    isMissing: boolean,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { uses, logger } = this.#options;
    const name = qualifyImageName(image);
    const isOurs = isMissing || !(await this.exists(image)) || (await uses.hasName(name));
    const id = await this.#pullPatiently(image, authFile, signal);
    if (!isOurs || id === undefined) return id;
    // Without it the image stays until somebody removes it; the job can run all the same.
    await uses.pulled(id, name).catch((error: unknown) => {
      logger.debug({ err: error }, 'it could not be written down what was pulled');
    });
    return id;
  }

  /** Podman itself asks again after "too many requests" only, and not for long. */
  async #pullPatiently(
    image: string,
    authFile: string | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const deadline = performance.now() + this.#pullTimeoutMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#pull(image, authFile, signal, deadline - performance.now());
      } catch (error) {
        const pauseMs =
          PAUSE_BASE_MS / 2 + backoffMs(attempt, { baseMs: PAUSE_BASE_MS, maxMs: PAUSE_MAX_MS });
        const again = attempt < TRIES_MAX && performance.now() + pauseMs < deadline;
        if (!isRivetError(error) || !isPassing(error) || !again || signal.aborted) throw error;
        // Not the image: a script chose its name, and this log is not searched for its secrets.
        this.#options.logger.warn({ attempt, code: error.code }, 'pulling an image again');
        await sleep(pauseMs, signal);
      }
    }
  }

  async #pull(
    image: string,
    authFile: string | undefined,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<string | undefined> {
    const { podman, globalFlags, registries } = this.#options;
    const name = qualifyImageName(image);
    const flags = [...registries.flags(name, authFile), ...registries.signatureFlags()];
    let result: PodmanResult;
    try {
      result = await podman.run({
        action: `pull the image ${image}`,
        args: [...globalFlags(), 'pull', '--quiet', ...flags, '--', name],
        timeoutMs: Math.max(1, Math.ceil(timeoutMs)),
        signal,
      });
    } catch (error) {
      if (!isRivetError(error, 'RIVET_CONTAINER_PODMAN_TIMEOUT')) throw error;
      const limit = formatDuration(this.#pullTimeoutMs);
      throw RivetError.of('RIVET_CONTAINER_PULL_TIMEOUT', { image, limit });
    }
    if (result.exitCode !== 0) throw pullError(image, essence(result), result.stderr);
    return /^[0-9a-f]{64}$/m.exec(result.stdout)?.[0];
  }
}

/** As Podman may not take a short name for another image of this machine. */
function plainName(image: string): string {
  return isImageId(image) ? image : qualifyImageName(image);
}
