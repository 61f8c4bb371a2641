// The containers of a job: a default one for all stages, one for each stage that asks for its own,
// and those that branches open on top.
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, ContainerSpec } from '@rivet/containers';
import type { PipelineDefinition } from '@rivet/protocol';
import { WORKSPACE } from '../commands/command-request.ts';
import type { JobHost, JobSpec } from '../job.ts';
import type { LogWriter } from '../log/log-writer.ts';
import type { AllowedContainer } from '../policy/container.ts';
import type { Redactor } from '../redaction/redactor.ts';
import type { BesideChanges, BranchContainers } from './branch-containers.ts';
import type { JobImages } from './job-images.ts';

export interface JobContainers {
  forStage(stage: string, containers: StageContainers): BranchContainers;
  /** Removes everything, also what a failed start left. */
  closeAll(): Promise<void>;
}

/** What the containers of a stage are made from. */
interface StageContainers {
  /** What the stage runs in; the job's default container when undefined. */
  readonly own: AllowedContainer | undefined;
  /** What the policy makes of the default container; called when it is first needed. */
  readonly defaults: () => AllowedContainer;
  /** Whether /workspace can only be read, in all of them. */
  readonly readonly: boolean;
}

/** A container that is started when it is first needed, once for whoever needs it. */
interface LazyContainer {
  readonly image: string;
  /** What it is made from. */
  readonly options: () => AllowedContainer;
  get(use: Use): Promise<Container>;
  /** The container, when it was started. */
  readonly started: Container | undefined;
  remove(): Promise<void>;
}

/** For which stage a container is needed, and what ends the wait for it. */
interface Use {
  readonly stage: string;
  readonly signal: AbortSignal;
  /** Name of the container that the new one shares files and network with. */
  readonly beside?: string;
}

export function createJobContainers(
  spec: JobSpec,
  host: JobHost,
  definition: PipelineDefinition,
  log: LogWriter,
  images: JobImages,
): JobContainers {
  const labels = images.ownerLabels;
  const env = jobEnvironment(spec, definition);
  let count = 0;

  const start = async (
    options: AllowedContainer,
    readonly: boolean,
    { stage, signal, beside }: Use,
  ): Promise<Container> => {
    const image =
      beside === undefined ? await images.ensure({ ...options, signal }) : options.image;
    signal.throwIfAborted();
    count += 1;
    const name = containerName(spec, options, count);
    const controlDirectory = join(host.stateDirectory, 'containers', name);
    const variables = splitSecrets({ ...env, ...options.env }, log.redactor);
    const container = await host.driver.start(
      containerSpec(
        { ...options, image },
        {
          name,
          labels,
          env: variables.shown,
          mounts: [
            { source: host.workspace, target: WORKSPACE, readonly },
            ...(options.mounts ?? []).flatMap(({ source, target, readonly = false }) =>
              source === undefined ? [] : [{ source, target, readonly }],
            ),
          ],
          scratch: (options.mounts ?? []).flatMap(({ source, target, size }) =>
            source === undefined ? [{ target, bytesMax: size }] : [],
          ),
          controlDirectory,
          ...(beside === undefined ? {} : { beside }),
        },
      ),
      signal,
    );
    await log.write(
      { stage, level: 'debug', stream: 'system', groups: [] },
      `started container ${name} from ${options.image}`,
    );
    return withDirectory(container, controlDirectory, variables.hidden);
  };

  // Stages whose mount or policy differs cannot share a container.
  const shared = new Map<string, LazyContainer>();
  const sharedContainer = (options: AllowedContainer, readonly: boolean): LazyContainer => {
    const key = JSON.stringify([readonly, options]);
    const known = shared.get(key);
    if (known !== undefined) return known;
    const lazy = lazyContainer(options, (use) => start(options, readonly, use));
    shared.set(key, lazy);
    return lazy;
  };
  /** Belongs to the job: a stage does not remove it. */
  const defaultContainer = ({ defaults, readonly }: StageContainers): LazyContainer => ({
    image: host.defaultImage,
    options: defaults,
    started: undefined,
    get: async (use) => await sharedContainer(defaults(), readonly).get(use),
    remove: async () => {},
  });

  return {
    forStage(stage, containers) {
      const { own, readonly } = containers;
      const base =
        own === undefined
          ? defaultContainer(containers)
          : lazyContainer(own, (use) => start(own, readonly, use));
      const owned = own === undefined ? [] : [base];
      const startOne: StartContainer = (options, use, changes) =>
        start(options, readonly || changes?.readonly === true, use);
      return branchContainers(stage, [base], owned, startOne);
    },
    async closeAll() {
      await Promise.allSettled([...shared.values()].map((each) => each.remove()));
      // Whatever a failed or interrupted start left, and what could not be removed before.
      try {
        await host.driver.removeLabelled(labels);
      } finally {
        await images.removeAll();
      }
    },
  };
}

/** The environment of every command of a job; the pipeline may set CI, never RIVET_*. */
function jobEnvironment(spec: JobSpec, definition: PipelineDefinition): Record<string, string> {
  return {
    CI: 'true',
    ...definition.env,
    RIVET_JOB_ID: spec.id,
    RIVET_ATTEMPT: String(spec.attempt),
    RIVET_PIPELINE: definition.name,
  };
}

/** `rivet-<job>-<attempt>-<hash of what it is made from>-<number>`. */
function containerName(spec: JobSpec, options: AllowedContainer, count: number): string {
  const hash = createHash('sha256')
    .update(JSON.stringify({ ...options, env: {} }))
    .digest('hex')
    .slice(0, 8);
  // The end of a UUIDv7 is its random part.
  const job = spec.id.replaceAll(/[^A-Za-z0-9]/g, '').slice(-12);
  return `rivet-${job}-${spec.attempt}-${hash}-${count}`;
}

function containerSpec(
  options: AllowedContainer,
  rest: Pick<
    ContainerSpec,
    'name' | 'labels' | 'env' | 'mounts' | 'scratch' | 'controlDirectory' | 'beside'
  >,
): ContainerSpec {
  return {
    ...rest,
    image: options.image,
    entrypoint: options.entrypoint ?? [],
    network: options.network ?? 'default',
    user: options.user,
    memoryBytes: options.memory,
    cpus: options.cpus,
    pids: options.pids,
    privileged: options.privileged ?? false,
  };
}

/**
 * Variables that hold secrets go to commands alone: those of a container may stand on a command
 * line of this machine, and in what `podman inspect` shows.
 */
function splitSecrets(
  env: Readonly<Record<string, string>>,
  redactor: Redactor,
): { shown: Record<string, string>; hidden: Record<string, string> } {
  const split = { shown: Object.create(null), hidden: Object.create(null) };
  for (const [name, value] of Object.entries(env)) {
    split[redactor.text(value) === value ? 'shown' : 'hidden'][name] = value;
  }
  return split;
}

function withDirectory(
  container: Container,
  controlDirectory: string,
  env: Readonly<Record<string, string>>,
): Container {
  return {
    name: container.name,
    image: container.image,
    run: (command, sink) => container.run({ ...command, env: { ...env, ...command.env } }, sink),
    kill: () => container.kill(),
    async remove() {
      await container.remove();
      await rm(controlDirectory, { recursive: true, force: true });
    },
  };
}

function lazyContainer(
  options: AllowedContainer,
  start: (use: Use) => Promise<Container>,
): LazyContainer {
  let starting: Promise<Container> | undefined;
  let started: Container | undefined;
  return {
    image: options.image,
    options: () => options,
    get started() {
      return started;
    },
    async get(use) {
      for (;;) {
        const own = starting === undefined;
        starting ??= start(use).then((container) => {
          started = container;
          return container;
        });
        const awaited = starting;
        try {
          return await awaited;
        } catch (error) {
          if (starting === awaited) starting = undefined;
          // Whoever started it may have been stopped meanwhile; that is no reason for the others.
          if (own || use.signal.aborted) throw error;
        }
      }
    },
    async remove() {
      await starting?.catch(() => {});
      await started?.remove();
      starting = undefined;
      started = undefined;
    },
  };
}

type StartContainer = (
  options: AllowedContainer,
  use: Use,
  changes?: BesideChanges,
) => Promise<Container>;

/** The options of a container beside one of these options. */
function besideOptions(options: AllowedContainer, { limits }: BesideChanges): AllowedContainer {
  const found: AllowedContainer = { ...options };
  for (const key of ['memory', 'cpus', 'pids'] as const) {
    const least = Math.min(options[key] ?? Infinity, limits[key] ?? Infinity);
    if (least !== Infinity) found[key] = least;
  }
  return found;
}

function branchContainers(
  stage: string,
  inherited: readonly LazyContainer[],
  owned: readonly LazyContainer[],
  start: StartContainer,
): BranchContainers {
  const stack: { id: number; container: LazyContainer }[] = [];
  let lastId = 0;
  const innermost = (): LazyContainer => {
    const top = stack.at(-1)?.container ?? inherited.at(-1);
    if (top === undefined) throw new Error('a branch without a container');
    return top;
  };
  const withoutId = (id: number): LazyContainer | undefined => {
    const index = stack.findIndex((entry) => entry.id === id);
    return index === -1 ? undefined : stack.splice(index, 1)[0]?.container;
  };
  return {
    get image() {
      return innermost().image;
    },
    current: (signal) => innermost().get({ stage, signal }),
    async beside(changes, signal) {
      const { options, get } = innermost();
      const { name } = await get({ stage, signal });
      const use = { stage, signal, beside: name };
      return {
        container: await start(besideOptions(options(), changes), use, changes),
        besides: name,
      };
    },
    async push(options, signal) {
      const container = lazyContainer(options, (use) => start(options, use));
      await container.get({ stage, signal });
      lastId += 1;
      stack.push({ id: lastId, container });
      return lastId;
    },
    find: (id) => stack.find((entry) => entry.id === id)?.container.started,
    async pop(id) {
      await withoutId(id)?.remove();
    },
    fork: () =>
      branchContainers(stage, [...inherited, ...stack.map((entry) => entry.container)], [], start),
    async closeAll() {
      const closing = [...stack.splice(0).map((entry) => entry.container), ...owned];
      await Promise.all(closing.map((container) => container.remove()));
    },
  };
}
