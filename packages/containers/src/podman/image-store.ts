// Images on this machine: is one there, and pulling it, once however many ask.
import { formatDuration, isRivetError, RivetError } from '@rivet/base';
import type { PullPolicy } from '../driver.ts';
import { isImageId, parseImageName, qualifyImageName } from '../images.ts';
import { essence, type PodmanCli } from './cli.ts';

const PULL_TIMEOUT_MS = 5 * 60_000;
const EXISTS_TIMEOUT_MS = 30_000;

/** A pull that several may wait for. */
interface Pull {
  readonly done: Promise<void>;
  readonly abort: AbortController;
  waiting: number;
}

export class ImageStore {
  readonly #podman: PodmanCli;
  readonly #globalFlags: () => readonly string[];
  readonly #pullTimeoutMs: number;
  readonly #pulls = new Map<string, Pull>();

  constructor(
    podman: PodmanCli,
    globalFlags: () => readonly string[],
    pullTimeoutMs: number | undefined,
  ) {
    this.#podman = podman;
    this.#globalFlags = globalFlags;
    this.#pullTimeoutMs = pullTimeoutMs ?? PULL_TIMEOUT_MS;
  }

  /** See ContainerDriver.ensureImage. */
  async ensure(image: string, pull: PullPolicy, signal: AbortSignal | undefined): Promise<void> {
    const isId = isImageId(image);
    if (!isId) parseImageName(image);
    if ((pull !== 'always' || isId) && (await this.exists(image, signal))) return;
    if (pull === 'never' || isId) {
      throw RivetError.of('RIVET_CONTAINER_IMAGE_NOT_FOUND', {
        image,
        reason: 'it is not on this machine and may not be pulled',
      });
    }
    await this.#sharedPull(image, signal);
  }

  async exists(image: string, signal?: AbortSignal): Promise<boolean> {
    const result = await this.#podman.run({
      action: `look for the image ${image}`,
      args: [...this.#globalFlags(), 'image', 'exists', '--', image],
      timeoutMs: EXISTS_TIMEOUT_MS,
      signal,
    });
    if (result.exitCode > 1) {
      throw this.#podman.failure(`look for the image ${image}`, essence(result));
    }
    return result.exitCode === 0;
  }

  async #sharedPull(image: string, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const pull = this.#pulls.get(image) ?? this.#startPull(image);
    pull.waiting += 1;
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal?.reason);
    signal?.addEventListener('abort', onAbort);
    try {
      await Promise.race([pull.done, aborted.promise]);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      pull.waiting -= 1;
      // The last one who leaves ends it.
      if (pull.waiting === 0) {
        if (this.#pulls.get(image) === pull) this.#pulls.delete(image);
        pull.abort.abort();
        await pull.done.catch(() => undefined);
      }
    }
  }

  #startPull(image: string): Pull {
    const abort = new AbortController();
    const done = this.#pull(image, abort.signal).finally(() => {
      if (this.#pulls.get(image) === pull) this.#pulls.delete(image);
    });
    done.catch(() => undefined);
    const pull: Pull = { done, abort, waiting: 0 };
    this.#pulls.set(image, pull);
    return pull;
  }

  async #pull(image: string, signal: AbortSignal): Promise<void> {
    const call = {
      action: `pull the image ${image}`,
      args: [...this.#globalFlags(), 'pull', '--quiet', '--', qualifyImageName(image)],
      timeoutMs: this.#pullTimeoutMs,
      signal,
    };
    try {
      const result = await this.#podman.run(call);
      if (result.exitCode !== 0) throw pullError(image, essence(result), result.stderr);
    } catch (error) {
      if (!isRivetError(error, 'RIVET_CONTAINER_PODMAN_TIMEOUT')) throw error;
      throw RivetError.of('RIVET_CONTAINER_PULL_TIMEOUT', {
        image,
        limit: formatDuration(this.#pullTimeoutMs),
      });
    }
  }
}

/** Sorts what Podman said about a pull that failed. */
export function pullError(image: string, reason: string, stderr: string): RivetError {
  const details = { image, reason };
  if (/toomanyrequests|too many requests|rate limit|\b429\b/i.test(stderr)) {
    const [, seconds] = /retry[- ]after:?\s*(\d+)/i.exec(stderr) ?? [];
    return RivetError.of('RIVET_CONTAINER_REGISTRY_RATE_LIMITED', {
      ...details,
      retryAfterSeconds: seconds === undefined ? undefined : Number(seconds),
    });
  }
  if (/no space left on device|disk quota exceeded/i.test(stderr)) {
    return RivetError.of('RIVET_CONTAINER_PODMAN_FAILED', {
      action: `pull the image ${image}`,
      reason,
      hint: 'The disk is full. Free some space: podman system prune, df -h.',
    });
  }
  if (
    /unauthorized|authentication required|access .*denied|\bdenied:|forbidden|\b40[13]\b/i.test(
      stderr,
    )
  ) {
    return RivetError.of('RIVET_CONTAINER_IMAGE_UNAUTHORIZED', details);
  }
  if (/manifest unknown|name unknown|not found|\b404\b|does not exist/i.test(stderr)) {
    return RivetError.of('RIVET_CONTAINER_IMAGE_NOT_FOUND', details);
  }
  if (
    /no such host|connection re(?:fused|set)|timeout|timed out|unreachable|no route|tls|x509|certificate|dial tcp|server misbehaving|deadline exceeded|\beof\b|proxyconnect|\b50[0234]\b|pinging container registry/i.test(
      stderr,
    )
  ) {
    return RivetError.of('RIVET_CONTAINER_REGISTRY_UNREACHABLE', details);
  }
  return RivetError.of('RIVET_CONTAINER_PODMAN_FAILED', {
    action: `pull the image ${image}`,
    reason,
  });
}
