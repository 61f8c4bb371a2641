// Starts the containers of a job: what each is made from, and what its commands are given.
import { createHash, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isRivetError, RivetError } from '@rivet/base';
import { type Container, type ContainerSpec, withVariables } from '@rivet/containers';
import type { PipelineDefinition } from '@rivet/protocol';
import { WORKSPACE } from '../commands/command-request.ts';
import type { JobHost, JobSpec } from '../job.ts';
import type { LogWriter } from '../log/log-writer.ts';
import type { AllowedContainer } from '../policy/container.ts';
import type { Redactor } from '../redaction/redactor.ts';
import type { JobImages, StartableImage } from './job-images.ts';
import { createKeptNames } from './kept-names.ts';
import type { Use } from './lazy-container.ts';

/** Which container of a job it is. */
export interface ContainerRequest {
  readonly options: AllowedContainer;
  /** Whether /workspace can only be read. */
  readonly readonly: boolean;
  /** Tells it from every other container of the attempt, in each process that runs it. */
  readonly key: string;
}

export interface ContainerStarter {
  /**
   * Starts it, or finds it again when an earlier process did.
   * @throws RIVET_CONTAINER_LOST when that one runs no more: what was done in it is gone
   */
  start(request: ContainerRequest, use: Use): Promise<Container>;
  /** Finds it again; undefined when it runs no more, or was never started. */
  adopt(request: ContainerRequest, use: Pick<Use, 'beside'>): Promise<Container | undefined>;
}

/** What starts the containers of one attempt. */
export function containerStarter(
  spec: JobSpec,
  host: JobHost,
  definition: PipelineDefinition,
  log: LogWriter,
  images: JobImages,
): ContainerStarter {
  const env = jobEnvironment(spec, definition);
  const started = createKeptNames(join(host.stateDirectory, 'started'));
  let count = 0;
  // Podman may still know the containers of the process before, also those that have ended.
  const suffix = host.resume === undefined ? '' : `-${randomBytes(4).toString('hex')}`;
  const specOf = (
    { image, imageId }: StartableImage,
    { options, readonly }: ContainerRequest,
    { beside }: Pick<Use, 'beside'>,
    name: string,
  ) => {
    const controlDirectory = join(host.stateDirectory, 'containers', name);
    const variables = splitSecrets({ ...env, ...options.env }, log.redactor);
    const rest = {
      name,
      imageId,
      labels: images.ownerLabels,
      env: variables.shown,
      ...mountsOf(options, host.workspace, readonly),
      controlDirectory,
      ...(beside === undefined ? {} : { beside }),
    };
    const wanted = containerSpec({ ...options, image }, rest);
    const dress = (container: Container) =>
      withDirectory(container, controlDirectory, variables.hidden);
    return { spec: wanted, dress };
  };
  const tell = (request: ContainerRequest, { stage }: Use, container: Container): Promise<void> => {
    const how = container.warm === true ? ', which stood ready' : '';
    const { key, options } = request;
    return log.write(
      { stage, level: 'debug', stream: 'system', groups: [], author: `container ${key}` },
      `started container ${container.name} from ${options.image}${how}`,
    );
  };
  const startFrom = async (
    image: StartableImage,
    request: ContainerRequest,
    use: Use,
  ): Promise<Container> => {
    use.signal.throwIfAborted();
    count += 1;
    const name = `${containerName(spec, request.options, count)}${suffix}`;
    const { spec: wanted, dress } = specOf(image, request, use, name);
    const container = await host.driver.start(wanted, use.signal);
    started.note(request.key, container.name);
    await tell(request, use, container);
    return dress(container);
  };
  const adopt: ContainerStarter['adopt'] = async (request, use) => {
    const name = host.resume === undefined ? undefined : started.find(request.key);
    if (name === undefined) return undefined;
    const { image } = request.options;
    const { spec: wanted, dress } = specOf({ image, imageId: undefined }, request, use, name);
    const container = await host.driver.adopt(wanted);
    return container === undefined ? undefined : dress(container);
  };
  const start: ContainerStarter['start'] = async (request, use) => {
    const { options } = request;
    const name = host.resume === undefined ? undefined : started.find(request.key);
    if (name !== undefined) {
      const container = await adopt(request, use);
      if (container === undefined) {
        const reason = 'it ended while no runner watched it';
        throw RivetError.of('RIVET_CONTAINER_LOST', { container: name, reason });
      }
      await tell(request, use, container);
      return container;
    }
    if (use.beside !== undefined) {
      return await startFrom({ image: options.image, imageId: undefined }, request, use);
    }
    for (let tried = 1; ; tried += 1) {
      const found = await images.ensure({ ...options, signal: use.signal });
      try {
        return await startFrom(found, request, use);
      } catch (error) {
        // Somebody may have removed the image since it was looked up.
        const isGone = isRivetError(error, 'RIVET_CONTAINER_IMAGE_NOT_FOUND');
        if (!isGone || found.imageId === undefined || tried > 1) throw error;
        images.forget(found.image);
      }
    }
  };
  return { start, adopt };
}

function mountsOf(
  { mounts = [] }: AllowedContainer,
  workspace: string,
  readonly: boolean,
): Pick<ContainerSpec, 'mounts' | 'scratch'> {
  return {
    mounts: [
      { source: workspace, target: WORKSPACE, readonly },
      ...mounts.flatMap(({ source, target, readonly: only = false }) =>
        source === undefined ? [] : [{ source, target, readonly: only }],
      ),
    ],
    scratch: mounts.flatMap(({ source, target, size }) =>
      source === undefined ? [{ target, bytesMax: size }] : [],
    ),
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
    'name' | 'imageId' | 'labels' | 'env' | 'mounts' | 'scratch' | 'controlDirectory' | 'beside'
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
  return withVariables(container, env, {
    async remove() {
      await container.remove();
      await rm(controlDirectory, { recursive: true, force: true });
    },
  });
}
