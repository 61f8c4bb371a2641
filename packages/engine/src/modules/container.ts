// The module `container`: containers that are open while a function runs.
import type { ContainerMount, ContainerOptions } from '@rivet/protocol';
import { revealAll } from '../commands/command-request.ts';
import { functionType, type HostModule, hostFunction, required } from '../host-function.ts';
import { cpusLimit, memoryLimit, pidsLimit } from '../policy/limits.ts';
import { forgetContainer } from '../secrets/secret-file.ts';
import { stopCommands } from '../stages/stage-run.ts';
import {
  boolean,
  choice,
  environmentWithSecrets,
  integer,
  listOf,
  type OptionsReader,
  options,
  type Reader,
  size,
  text,
  wrongValue,
} from '../value-readers.ts';
import { imageFunctions } from './container-images.ts';
import { moduleSource } from './sources.ts';

/** A directory of the machine that the installation offers, or an empty one in memory. */
const mount: Reader<ContainerMount> = {
  expected: 'a table such as { target = "/scratch", size = "64MB" }',
  read(value, place) {
    const read = options({ target: text, source: text, readonly: boolean, size }).read(
      value,
      place,
    );
    const { target, source, size: bytes } = read;
    for (const [key, path] of Object.entries({ target, source })) {
      const needed = key === 'target';
      if (path === undefined ? needed : !/^\/(?!(?:.*\/)?\.\.(?:\/|$))/.test(path)) {
        const expected = 'an absolute path without ".."; /workspace is mounted already';
        throw wrongValue(path ?? null, expected, { ...place, path: `${place.path}.${key}` });
      }
    }
    if (source !== undefined && bytes !== undefined) {
      const expected = 'nothing: only a mount in memory, without source, has a size';
      throw wrongValue(bytes, expected, { ...place, path: `${place.path}.size` });
    }
    return { ...read, target: target ?? '' };
  },
};

const table = options({
  image: text,
  entrypoint: listOf(text),
  env: environmentWithSecrets,
  network: choice('none', 'default'),
  memory: memoryLimit,
  cpus: cpusLimit,
  pids: pidsLimit,
  user: text,
  pull: choice('missing', 'always', 'never'),
  mounts: listOf(mount),
  privileged: boolean,
});

/** An image name, or a table of options with one. */
const imageOrOptions: OptionsReader<ContainerOptions> = {
  expected: 'the name of an image, or a table of options',
  options: table.options,
  read(value, place) {
    if (typeof value === 'string') return { image: imageName(value, place) };
    if (typeof value !== 'object')
      throw wrongValue(value, this.expected, { ...place, path: 'image' });
    const { env, ...read } = table.read(value, place);
    return {
      ...read,
      ...(env === undefined ? {} : { env: revealAll(env) }),
      image: imageName(read.image ?? null, place),
    };
  },
};

function imageName(value: string | null, place: { function: string; path: string }): string {
  if (value !== null && value !== '') return value;
  throw wrongValue(value, 'the name of an image, such as "alpine:latest"', {
    ...place,
    path: 'image',
  });
}

const open = hostFunction(
  [required('options', imageOrOptions), required('fn', functionType)],
  async ({ branch, job, sequence }, asked) => {
    const isOwn = job.images.find(asked.image) !== undefined;
    const checked = branch.stage.policy.checkContainer(asked, isOwn);
    return [await branch.containers.push(checked, sequence, branch.signal)];
  },
  {
    effect: true,
    interrupted: 'resume',
    replay({ branch, job, sequence }, [id], asked) {
      const isOwn = job.images.find(asked.image) !== undefined;
      const checked = branch.stage.policy.checkContainer(asked, isOwn);
      branch.containers.restore(checked, sequence, Number(id));
    },
  },
);

const close = hostFunction(
  [required('id', integer(1, Number.MAX_SAFE_INTEGER))],
  async ({ job, branch }, id) => {
    const container = branch.containers.find(id);
    if (container !== undefined) {
      await stopCommands(branch.stage, container.name, job.host.limits.killGraceMs, (problem) =>
        job.logger.warn({ container: container.name, problem }, 'a command did not stop'),
      );
      forgetContainer(branch.stage, container.name);
    }
    await branch.containers.pop(id);
    return [];
  },
  { public: false, replay: 'again' },
);

export const containerModule: HostModule = {
  name: 'container',
  functions: {
    with: open,
    with_end: close,
    ...imageFunctions,
    current: hostFunction([], ({ branch }) => [branch.containers.image]),
  },
  source: moduleSource('container'),
};
