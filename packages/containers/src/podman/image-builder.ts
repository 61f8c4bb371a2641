// Builds images with Podman, and sends them to registries.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RivetError } from '@rivet/base';
import type { OutputSink } from '../driver.ts';
import type { BuildSpec, ImageFacts, RegistryOptions } from '../image-operations.ts';
import { buildArgs } from './build-args.ts';
import { BUILD_REPOSITORY, buildKey } from './build-names.ts';
import { essence, type PodmanCli } from './cli.ts';
import type { ImageStore } from './image-store.ts';
import { pullError } from './pull-error.ts';
import type { RegistrySettings } from './registry-settings.ts';
import type { RuntimeFlags } from './runtime.ts';
import { stepLimit } from './start-error.ts';

/** The job's own deadline ends a build before; this only bounds one that nobody waits for. */
const BUILD_TIMEOUT_MS = 24 * 3_600_000;
const PUSH_TIMEOUT_MS = 30 * 60_000;
const TAG_TIMEOUT_MS = 30_000;
/** How often a build may begin anew because a name of its base image was lost. */
const NAME_LOSSES_MAX = 3;

export interface ImageBuilderOptions {
  readonly podman: PodmanCli;
  readonly flags: () => RuntimeFlags;
  readonly registries: RegistrySettings;
  readonly images: ImageStore;
}

export class ImageBuilder {
  readonly #options: ImageBuilderOptions;
  #count = 0;

  constructor(options: ImageBuilderOptions) {
    this.#options = options;
  }

  /** See ImageOperations.buildImage. */
  async build(spec: BuildSpec, sink: OutputSink, signal?: AbortSignal): Promise<ImageFacts> {
    const { podman, flags, images } = this.#options;
    this.#count += 1;
    // Unique beside what an earlier process left under the same labels.
    const unique = `${process.pid}-${Date.now()}-${this.#count}`;
    const name = `${BUILD_REPOSITORY}/${buildKey(spec.ownerLabels)}:${unique}`;
    const bases = new Map(
      [...spec.images.keys()].map((image, i) => [image, `${name}-base-${i + 1}`]),
    );
    try {
      for (let losses = 0; ; losses += 1) {
        await this.#nameBases(spec, bases, signal);
        const result = await podman.stream(
          {
            action: 'build an image',
            args: buildArgs(spec, name, bases, flags()),
            timeoutMs: BUILD_TIMEOUT_MS,
            temporaryDirectory: spec.temporaryDirectory,
            signal,
          },
          sink,
        );
        if (result.exitCode === 0) return await images.facts(name, signal);
        const reason = essence(result);
        if (losses >= NAME_LOSSES_MAX || !isNameLost(reason, bases)) {
          throw stepLimit(spec, result.stderr) ?? buildError(spec, reason);
        }
      }
    } finally {
      await this.#untag([...bases.values()]);
    }
  }

  /** See ImageOperations.pushImage. */
  async push(id: string, name: string, options: RegistryOptions): Promise<ImageFacts> {
    const { podman, flags, registries } = this.#options;
    const directory = await mkdtemp(join(tmpdir(), 'rivet-push-'));
    try {
      const digestFile = join(directory, 'digest');
      const result = await podman.run({
        action: `push the image ${name}`,
        args: [
          ...flags().global,
          'push',
          '--quiet',
          // Those of another name and registry; they would not be valid under this one.
          '--remove-signatures',
          `--digestfile=${digestFile}`,
          ...registries.flags(name, options.authFile),
          '--',
          id,
          name,
        ],
        timeoutMs: PUSH_TIMEOUT_MS,
        signal: options.signal,
      });
      if (result.exitCode !== 0) throw pushError(name, essence(result), result.stderr);
      const digest = (await readFile(digestFile, 'utf8')).trim();
      return { id, digest: digest === '' ? undefined : digest };
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  /**
   * Gives the base images names of this build: what a killed build leaves is called after them.
   * @param bases the new name of each name in the Containerfile
   */
  async #nameBases(
    spec: BuildSpec,
    bases: ReadonlyMap<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { podman, flags } = this.#options;
    for (const [image, base] of bases) {
      await podman.expect({
        action: `name the image ${image}`,
        args: [...flags().global, 'tag', '--', spec.images.get(image) ?? image, base],
        timeoutMs: TAG_TIMEOUT_MS,
        signal,
      });
    }
  }

  async #untag(names: readonly string[]): Promise<void> {
    const { podman, flags } = this.#options;
    for (const name of names) {
      // Only the name goes; a name that stays is removed with what the job built.
      const args = [...flags().global, 'untag', name, name];
      await podman
        .run({ action: 'forget a name', args, timeoutMs: TAG_TIMEOUT_MS })
        .catch(() => undefined);
    }
  }
}

/** Podman can lose a name of an image that others name at the same moment. */
function isNameLost(reason: string, bases: ReadonlyMap<string, string>): boolean {
  return [...bases.values()].some((base) => reason.endsWith(`${base}: image not known`));
}

function buildError(spec: BuildSpec, reason: string): RivetError {
  return RivetError.of('RIVET_CONTAINER_BUILD_FAILED', {
    containerfile: spec.containerfileName,
    reason: reason.replace(/^building at STEP /, ''),
  });
}

function pushError(name: string, reason: string, stderr: string): RivetError {
  const sorted = pullError(name, reason, stderr);
  const same: readonly string[] = [
    'RIVET_CONTAINER_IMAGE_UNAUTHORIZED',
    'RIVET_CONTAINER_REGISTRY_RATE_LIMITED',
  ];
  return same.includes(sorted.code)
    ? sorted
    : RivetError.of('RIVET_CONTAINER_PUSH_FAILED', { image: name, reason });
}
