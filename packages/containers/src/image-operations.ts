// What container drivers do with images: the part of their contract that makes, fetches and gives
// away.
import type { OutputSink, PullPolicy } from './driver.ts';

/** An image on this machine. */
export interface ImageFacts {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** `sha256:…` of its manifest at the registry it came from or went to, when that is known. */
  readonly digest: string | undefined;
  /** Its ONBUILD instructions, which run in builds that begin with it; absent when it has none. */
  readonly triggers?: readonly string[];
}

export interface RegistryOptions {
  /** File with credentials in Podman's format; only the owner may read it. */
  readonly authFile?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PullOptions extends RegistryOptions {
  readonly pull: PullPolicy;
  /** Whether what is on this machine already counts for nothing, so that signatures are checked. */
  readonly verify?: boolean;
}

/** What an image is built from. The host's paths are not shared with any container. */
export interface BuildSpec {
  /** Directory that COPY and ADD see. */
  readonly contextDirectory: string;
  /** Path of the Containerfile, and what messages call it. */
  readonly containerfile: string;
  readonly containerfileName: string;
  /** Directory of this build alone; the caller removes it. */
  readonly temporaryDirectory: string;
  /** Images that the Containerfile may name: name → id. Nothing is pulled while building. */
  readonly images: ReadonlyMap<string, string>;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** id → file, for `RUN --mount=type=secret,id=…`. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly target: string | undefined;
  readonly network: 'default' | 'none';
  readonly memoryBytes: number | undefined;
  readonly cpus: number | undefined;
  /** Who owns the image and whatever is left of a build that was cut off; see labels.ts. */
  readonly ownerLabels: Readonly<Record<string, string>>;
  /** More labels of the image. */
  readonly labels: Readonly<Record<string, string>>;
  /** Whether steps of earlier builds on this machine may be used, and are kept for later ones. */
  readonly cache: boolean;
}

export interface PruneOptions {
  /** How long no container may have used an image, in milliseconds. */
  readonly unusedMs: number;
  /** Asked before each image: whether there is room enough. */
  readonly isEnough: () => Promise<boolean>;
  readonly signal?: AbortSignal | undefined;
}

export interface ImageOperations {
  /**
   * Makes sure that the image is there, and says which one it is. Images that several ask for at
   * once are pulled once. Registries that are busy or ill are asked again, with growing pauses.
   * @throws RIVET_CONTAINER_IMAGE_INVALID, RIVET_CONTAINER_IMAGE_NOT_FOUND,
   *   RIVET_CONTAINER_IMAGE_UNAUTHORIZED, RIVET_CONTAINER_IMAGE_REJECTED,
   *   RIVET_CONTAINER_IMAGE_DIGEST, RIVET_CONTAINER_REGISTRY_RATE_LIMITED, …
   */
  pullImage(image: string, options: PullOptions): Promise<ImageFacts>;
  /**
   * Builds an image; what the build prints goes to the sink. It has no name.
   * @throws RIVET_CONTAINER_BUILD_FAILED, RIVET_CONTAINER_LIMIT_UNSUPPORTED
   */
  buildImage(spec: BuildSpec, sink: OutputSink, signal?: AbortSignal): Promise<ImageFacts>;
  /**
   * Sends an image to a registry under a name with a registry in it.
   * @throws RIVET_CONTAINER_PUSH_FAILED, RIVET_CONTAINER_IMAGE_UNAUTHORIZED, …
   */
  pushImage(id: string, name: string, options: RegistryOptions): Promise<ImageFacts>;
  /**
   * Removes every image that was built with all of these owner labels, and what builds that were
   * cut off left; returns how many images.
   */
  removeBuilt(labels: Readonly<Record<string, string>>): Promise<number>;
  /**
   * Removes images until there is room enough: those that Rivet pulled, that have no container and
   * no name of somebody else, and that nobody has used for long, those first that were used longest
   * ago. Returns how many.
   */
  pruneImages(options: PruneOptions): Promise<number>;
}
