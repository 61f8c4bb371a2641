// The Podman driver: containers by podman's command line, commands by the agent in them.
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Logger, RivetError, silentLogger, toRivetError } from '@rivet/base';
import { isProcessAlive, type ProcessIdentity } from '@rivet/processes';
import { checkBuild } from '../build-spec.ts';
import { checkLabels, checkSpec } from '../container-spec.ts';
import { decorateContainer } from '../decorate.ts';
import type {
  CheckPlace,
  Container,
  ContainerDriver,
  ContainerSpec,
  ContainerSummary,
  DriverFinding,
  OutputSink,
  PullPolicy,
} from '../driver.ts';
import type {
  BuildSpec,
  ImageFacts,
  PruneOptions,
  PullOptions,
  RegistryOptions,
} from '../image-operations.ts';
import { isImageId, parseImageName, qualifyImageName } from '../images.ts';
import { LABEL_RIVET } from '../labels.ts';
import { csvField, environmentFile, environmentLines, type Neighbour, runArgs } from './args.ts';
import { awaitMain } from './await-main.ts';
import { removeBuilt } from './build-leftovers.ts';
import { checkPodman, readInfo } from './check.ts';
import { essence, PodmanCli, type PodmanResult } from './cli.ts';
import { adoptAgentChannel, type CommandChannel, createAgentChannel } from './command-channel.ts';
import { PodmanContainer } from './container.ts';
import { describeContainerEnd, removeContainers } from './container-end.ts';
import { keepIdentity, readIdentity } from './container-identity.ts';
import { createExecChannel } from './exec-channel.ts';
import { ImageBuilder } from './image-builder.ts';
import { ImageIndex } from './image-index.ts';
import { ImageStore } from './image-store.ts';
import { ImageUses } from './image-uses.ts';
import { listLeftNetworks, removeLeftNetworks } from './left-networks.ts';
import { parseContainerList } from './list.ts';
import { MachineFlags, machineKey } from './machine-flags.ts';
import { findNeighbour } from './neighbour.ts';
import type { PauseCandidates } from './pause-program.ts';
import { ProcessLimit } from './process-limit.ts';
import { pruneImages } from './prune-images.ts';
import { registrySettings } from './registry-settings.ts';
import { removeTree } from './remove-tree.ts';
import { adaptFlags, inspectMachine, PLAIN_FLAGS, type RuntimeFlags } from './runtime.ts';
import { ignoredLimit, missingShell, startError } from './start-error.ts';

const START_TIMEOUT_MS = 2 * 60_000;
/** A start that is cut off leaves a network that nobody knows of; most end sooner, in milliseconds. */
const START_PATIENCE_MS = 5_000;
const QUERY_TIMEOUT_MS = 30_000;
/** Ways to adapt to a machine are few; more attempts than that would be a loop. */
const ADAPTATIONS_MAX = 6;
const REMOVE_ROUNDS_MAX = 5;
const REMOVE_BATCH = 50;
const IMAGES_REMEMBERED_MAX = 1_000;

export interface PodmanDriverOptions {
  readonly logger?: Logger;
  /** Name or path of podman; `podman` when absent. */
  readonly program?: string;
  /** Where Podman's settings (PATH, HOME, XDG_…) are taken from; this process when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Remembers which flags this machine needs; below XDG_CACHE_HOME when absent. */
  readonly cacheFile?: string;
  readonly pullTimeoutMs?: number;
  /** Registries without TLS, or without a known certificate. */
  readonly insecureRegistries?: readonly string[] | undefined;
  /** Path of the policy.json that images are held against; Podman's own when absent. */
  readonly signaturePolicy?: string | undefined;
  /** False: every command goes by `podman exec`, as it does for images without a shell. */
  readonly controlDirectory?: boolean | undefined;
  /** Programs that keep containers of images without a shell; those of the machine when absent. */
  readonly pauseCandidates?: PauseCandidates | undefined;
  /** Image that `check` tries a container with. */
  readonly defaultImage?: string;
}

/** Makes the driver; nothing is started before it is asked for something. */
export function createPodmanDriver(options: PodmanDriverOptions = {}): ContainerDriver {
  return new PodmanDriver(options);
}

class PodmanDriver implements ContainerDriver {
  readonly name = 'podman';
  readonly #podman: PodmanCli;
  readonly #images: ImageStore;
  readonly #builder: ImageBuilder;
  readonly #uses: ImageUses;
  readonly #logger: Logger;
  readonly #flags: MachineFlags;
  readonly #defaultImage: string | undefined;
  readonly #controlDirectory: boolean;
  readonly #pauseCandidates: PauseCandidates | undefined;
  /** Images that are known to have no shell, and what Podman said about them. */
  readonly #withoutShell = new Map<string, string>();

  constructor(options: PodmanDriverOptions) {
    const env = options.env ?? process.env;
    this.#podman = new PodmanCli(options.program ?? 'podman', env);
    this.#logger = options.logger ?? silentLogger;
    const cache = env.XDG_CACHE_HOME ?? (env.HOME && join(env.HOME, '.cache'));
    const cacheFile = options.cacheFile ?? (cache && join(cache, 'rivet/podman.json'));
    this.#flags = new MachineFlags(cacheFile, this.#logger);
    const { insecureRegistries = [], signaturePolicy } = options;
    const registries = registrySettings(insecureRegistries, signaturePolicy);
    const podman = this.#podman;
    this.#uses = new ImageUses(cacheFile && join(dirname(cacheFile), 'pulled-images'));
    this.#images = new ImageStore({
      podman,
      globalFlags: () => this.#flags.current.global,
      registries,
      uses: this.#uses,
      index: new ImageIndex({
        env,
        cacheFile: cacheFile && join(dirname(cacheFile), 'podman-images.json'),
        machine: machineKey,
      }),
      logger: this.#logger,
      pullTimeoutMs: options.pullTimeoutMs,
    });
    this.#builder = new ImageBuilder({
      podman,
      flags: () => this.#flags.current,
      registries,
      images: this.#images,
    });
    this.#defaultImage = options.defaultImage;
    this.#controlDirectory = options.controlDirectory ?? true;
    this.#pauseCandidates = options.pauseCandidates;
  }

  async check(place: CheckPlace): Promise<readonly DriverFinding[]> {
    await this.#flags.recall();
    return await checkPodman({
      podman: this.#podman,
      flags: this.#flags.current,
      image: this.#defaultImage,
      images: this.#images,
      tryContainer: (image) => this.#tryContainer(image, place),
    });
  }

  async ensureImage(
    image: string,
    options: { pull: PullPolicy; signal?: AbortSignal },
  ): Promise<string | undefined> {
    await this.#flags.recall();
    return await this.#images.ensureId(image, options);
  }

  async pullImage(image: string, options: PullOptions): Promise<ImageFacts> {
    await this.#flags.recall();
    await this.#images.ensure(image, options);
    return await this.#images.facts(image, options.signal);
  }

  async buildImage(spec: BuildSpec, sink: OutputSink, signal?: AbortSignal): Promise<ImageFacts> {
    checkBuild(spec);
    await this.#learnFrom(spec);
    for (const id of spec.images.values()) await this.#uses.used(id);
    return await this.#builder.build(spec, sink, signal);
  }

  async pushImage(id: string, name: string, options: RegistryOptions): Promise<ImageFacts> {
    parseImageName(name);
    await this.#flags.recall();
    return await this.#builder.push(id, name, options);
  }

  async removeBuilt(labels: Readonly<Record<string, string>>): Promise<number> {
    refuseNoLabels(labels, 'image');
    await this.#flags.recall();
    return await removeBuilt(this.#podman, this.#flags.current.global, labels);
  }

  async pruneImages(options: PruneOptions): Promise<number> {
    await this.#flags.recall();
    const globalFlags = this.#flags.current.global;
    const parts = { podman: this.#podman, globalFlags, uses: this.#uses, logger: this.#logger };
    return await pruneImages(parts, options);
  }

  async start(spec: ContainerSpec, signal?: AbortSignal): Promise<Container> {
    checkSpec(spec);
    await this.#flags.recall();
    const image = spec.imageId ?? spec.image;
    void this.#noteUse(spec);
    let reason = this.#withoutShell.get(image);
    if (this.#controlDirectory && reason === undefined) {
      try {
        return await this.#startWith(spec, await createAgentChannel(spec), signal);
      } catch (error) {
        reason = missingShell(error);
        if (reason === undefined) throw error;
        if (this.#withoutShell.size < IMAGES_REMEMBERED_MAX) this.#withoutShell.set(image, reason);
        this.#logger.debug({ reason }, 'an image has no shell: its commands go by podman exec');
      }
    }
    const why = reason ?? 'control directories are turned off';
    const channel = await this.#execChannel(spec, why);
    return await this.#startWith(spec, channel, signal);
  }

  async #startWith(
    spec: ContainerSpec,
    channel: CommandChannel,
    signal: AbortSignal | undefined,
  ): Promise<Container> {
    try {
      const neighbour = await this.#neighbourOf(spec);
      const variables = environmentLines(spec);
      const file = environmentFile(spec);
      if (variables !== undefined) await writeFile(file, variables, { mode: 0o600 });
      await this.#flags.afterLearning(() => this.#runWithFlags(spec, channel, neighbour, signal));
      await rm(file, { force: true });
      const main = await awaitMain(spec, channel, () => this.#describeEnd(spec.name), signal);
      await channel.open();
      const { name } = spec;
      const { agentInode } = channel;
      keepIdentity(spec.controlDirectory, { name, main, agentInode, generation: 0 });
      return await this.#containerOf(spec, channel, main);
    } catch (error) {
      await channel.close();
      await this.#remove([spec.name]).catch((problem: unknown) => {
        this.#logger.warn({ err: problem, container: spec.name }, 'container left behind');
      });
      throw error;
    }
  }

  async adopt(spec: ContainerSpec): Promise<Container | undefined> {
    checkSpec(spec);
    await this.#flags.recall();
    const identity = readIdentity(spec.controlDirectory);
    if (identity?.name !== spec.name || !(await isProcessAlive(identity.main))) return undefined;
    const { main, agentInode } = identity;
    const generation = identity.generation + 1;
    keepIdentity(spec.controlDirectory, { ...identity, generation });
    const channel =
      agentInode === 0
        ? await this.#execChannel(spec, 'its image has no shell')
        : await adoptAgentChannel(spec, agentInode, generation);
    return channel === undefined ? undefined : await this.#containerOf(spec, channel, main);
  }

  async #containerOf(
    spec: ContainerSpec,
    channel: CommandChannel,
    main: ProcessIdentity,
  ): Promise<Container> {
    const noteUse = (): Promise<void> => this.#noteUse(spec);
    const container = new PodmanContainer({
      spec,
      channel,
      main,
      processLimit: await ProcessLimit.of(main.pid, spec.pids, spec.entrypoint.length > 0),
      remove: () => this.#remove([spec.name]),
      describeEnd: () => this.#describeEnd(spec.name),
    });
    return decorateContainer(container, {
      async kill() {
        await container.kill();
        void noteUse();
      },
    });
  }

  /** Never throws. */
  #noteUse({ image, imageId = image }: ContainerSpec): Promise<void> {
    return this.#uses.used(isImageId(imageId) ? imageId : qualifyImageName(imageId));
  }

  #execChannel(spec: ContainerSpec, reason: string): Promise<CommandChannel> {
    return createExecChannel(spec, {
      podman: this.#podman,
      globalFlags: () => this.#flags.current.global,
      reason,
      pauseCandidates: this.#pauseCandidates,
    });
  }

  async list(labels: Readonly<Record<string, string>>): Promise<readonly ContainerSummary[]> {
    checkLabels(labels);
    await this.#flags.recall();
    const listed = await this.#podman.expectJson({
      action: 'list containers',
      args: [
        ...this.#flags.current.global,
        'ps',
        '--all',
        ...Object.entries(labels).map(
          ([key, value]) => `--filter=${csvField(`label=${key}=${value}`)}`,
        ),
        '--format=json',
      ],
      timeoutMs: QUERY_TIMEOUT_MS,
    });
    return parseContainerList(listed);
  }

  async removeLabelled(labels: Readonly<Record<string, string>>): Promise<number> {
    refuseNoLabels(labels, 'container');
    const removed = new Set<string>();
    for (let round = 0; round < REMOVE_ROUNDS_MAX; round += 1) {
      // A start that was under way when its process died may still bring one more.
      const names = (await this.list(labels)).map((container) => container.name);
      if (names.length === 0) break;
      await this.removeNamed(names);
      for (const name of names) removed.add(name);
    }
    return removed.size;
  }

  async removeNamed(names: readonly string[]): Promise<void> {
    await this.#flags.recall();
    for (let from = 0; from < names.length; from += REMOVE_BATCH) {
      await this.#remove(names.slice(from, from + REMOVE_BATCH));
    }
  }

  async removeTree(path: string): Promise<void> {
    await removeTree(this.#podman, path);
  }

  async listLeftNetworks(): Promise<readonly string[]> {
    return await listLeftNetworks();
  }

  async removeLeftNetworks(networks: readonly string[]): Promise<number> {
    await this.#flags.recall();
    return await removeLeftNetworks(this.#podman, this.#flags.current.global, networks);
  }

  async storageDirectory(): Promise<string | undefined> {
    await this.#flags.recall();
    const { storageRoot } = await readInfo(this.#podman, this.#flags.current.global);
    return storageRoot === 'unknown' ? undefined : storageRoot;
  }

  async close(): Promise<void> {
    // Containers belong to their callers, and nothing else is held open.
  }

  /** A build does not say which flags this machine needs; a container of its base image does. */
  async #learnFrom({ images, ownerLabels, temporaryDirectory }: BuildSpec): Promise<void> {
    await this.#flags.recall();
    const [base] = images.values();
    if (this.#flags.proven || base === undefined) return;
    const place = { labels: ownerLabels, directory: join(temporaryDirectory, 'check') };
    await this.#tryContainer(base, place).catch((error: unknown) => {
      // Not the message, which has the name of the image: a script chose it.
      const { code } = toRivetError(error);
      this.#logger.debug({ code }, 'the base image of a build starts no container');
    });
  }

  /** Has Podman start the container, with whatever flags this machine needs. */
  async #runWithFlags(
    spec: ContainerSpec,
    channel: CommandChannel,
    neighbour: Neighbour | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let flags = this.#flags.current;
    let result: PodmanResult;
    for (let attempt = 0; ; attempt += 1) {
      result = await this.#podman.run({
        action: `start a container of ${spec.image}`,
        args: runArgs(spec, channel, flags, neighbour),
        directory: spec.controlDirectory,
        timeoutMs: START_TIMEOUT_MS,
        signal,
        patienceMs: START_PATIENCE_MS,
      });
      if (result.exitCode === 0) {
        await this.#flags.learned(flags);
        const ignored = ignoredLimit(spec, flags.run, result.stderr);
        if (ignored !== undefined) throw ignored;
        return;
      }
      const known = startError(spec, essence(result), result.stderr);
      if (known !== undefined) {
        if (known.code === 'RIVET_CONTAINER_IMAGE_NOT_FOUND') this.#images.doubtIndex();
        throw known;
      }
      if (attempt >= ADAPTATIONS_MAX) break;
      const machine = await inspectMachine(this.#podman.path);
      // What was remembered may be of no use any more: begin anew, once.
      const fallback = attempt === 0 && flags !== PLAIN_FLAGS ? PLAIN_FLAGS : undefined;
      const next = adaptFlags(flags, result.stderr, machine) ?? fallback;
      if (next === undefined) break;
      this.#logger.debug({ flags: next }, 'podman needs other flags on this machine');
      flags = next;
      await this.#remove([spec.name]);
    }
    throw this.#podman.failure(`start a container of ${spec.image}`, essence(result));
  }

  async #neighbourOf({ beside }: ContainerSpec): Promise<Neighbour | undefined> {
    if (beside === undefined) return undefined;
    const { global } = this.#flags.current;
    const found = await findNeighbour(this.#podman, global, beside);
    if (found !== undefined) return found;
    const reason = await this.#describeEnd(beside);
    throw RivetError.of('RIVET_CONTAINER_LOST', { container: beside, reason });
  }

  #remove(names: readonly string[]): Promise<void> {
    return removeContainers(this.#podman, this.#flags.current.global, names);
  }

  #describeEnd(name: string): Promise<string> {
    return describeContainerEnd(this.#podman, this.#flags.current.global, name);
  }

  /** Starts a container and removes it; returns the flags that this machine needed. */
  async #tryContainer(image: string, { labels, directory }: CheckPlace): Promise<RuntimeFlags> {
    await this.removeTree(directory);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    try {
      const container = await this.start({
        name: `rivet-check-${randomUUID()}`,
        image,
        labels: { ...labels, [LABEL_RIVET]: '1' },
        env: {},
        mounts: [],
        entrypoint: [],
        network: 'default',
        user: undefined,
        memoryBytes: undefined,
        cpus: undefined,
        pids: undefined,
        privileged: false,
        controlDirectory: join(directory, 'control'),
      });
      await container.remove();
    } finally {
      await this.removeTree(directory);
    }
    return this.#flags.current;
  }
}

function refuseNoLabels(labels: Readonly<Record<string, string>>, what: string): void {
  if (Object.keys(labels).length > 0) return;
  throw RivetError.of('RIVET_CONTAINER_SPEC_INVALID', {
    field: 'the labels',
    found: 'empty',
    expected: `at least one; without one every ${what} of the machine would be removed`,
  });
}
