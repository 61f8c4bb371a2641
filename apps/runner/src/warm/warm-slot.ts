// A directory with a started container that nobody has used: the next job that fits takes both.
import { join } from 'node:path';
import { type Container, type ContainerSpec, withVariables } from '@rivet/containers';
import type { AttemptDirectory } from '../state-directory.ts';
import { type WarmKey, warmKeyText } from './warm-key.ts';

/** What stands ready. Taken once, by one attempt. */
export class WarmSlot {
  readonly key: WarmKey;
  readonly #container: Container;
  #directory: AttemptDirectory;
  #isTaken = false;

  /** @param container one that mounts the workspace of `directory`, and has run no command */
  constructor(key: WarmKey, container: Container, directory: AttemptDirectory) {
    this.key = key;
    this.#container = container;
    this.#directory = directory;
  }

  get path(): string {
    return this.#directory.path;
  }

  get containerName(): string {
    return this.#container.name;
  }

  /** Whether the container still runs. */
  isReady(): Promise<boolean> {
    return this.#container.isRunning();
  }

  /** The directory was renamed: it is that of an attempt now. */
  moved(directory: AttemptDirectory): void {
    this.#directory = directory;
    this.#container.moved(controlDirectoryOf(directory, this.#container.name));
  }

  /** The container, when it is just what `spec` asks for and nobody has taken it. */
  async take(spec: ContainerSpec): Promise<Container | undefined> {
    if (this.#isTaken || !this.#fits(spec)) return undefined;
    this.#isTaken = true;
    // Someone may have killed it meanwhile; the caller starts another.
    if (!(await this.#container.isRunning())) return undefined;
    // It was started before anybody knew whose it would be.
    return withVariables(this.#container, spec.env, { warm: true });
  }

  /** What nobody asked for; taken with this. */
  takeRest(): readonly Container[] {
    if (this.#isTaken) return [];
    this.#isTaken = true;
    return [this.#container];
  }

  #fits(spec: ContainerSpec): boolean {
    const asked = keyOfSpec(spec, this.#directory.workspace);
    return asked !== undefined && warmKeyText(asked) === warmKeyText(this.key);
  }
}

/** Where the control directory of a warm container lies. */
export function controlDirectoryOf(directory: AttemptDirectory, container: string): string {
  return join(directory.state, 'containers', container);
}

/**
 * The key of what is asked for; undefined for everything that only a container of its own can give.
 * @param workspace what must be mounted, and nothing else
 */
export function keyOfSpec(spec: ContainerSpec, workspace: string): WarmKey | undefined {
  const [mount, ...others] = spec.mounts;
  const isPlain =
    others.length === 0 &&
    mount?.source === workspace &&
    mount.target === '/workspace' &&
    (spec.scratch ?? []).length === 0 &&
    spec.entrypoint.length === 0 &&
    spec.beside === undefined &&
    spec.memoryBytes === undefined &&
    spec.cpus === undefined &&
    spec.pids === undefined &&
    !spec.privileged;
  if (!isPlain || spec.imageId === undefined) return undefined;
  const { image, imageId, network, user } = spec;
  return { image, imageId, network, user, readonly: mount.readonly };
}
