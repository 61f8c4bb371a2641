// The module `container`: containers that are open while a function runs.
import type { ContainerOptions } from '@rivet/protocol';
import { functionType, type HostModule, hostFunction, required } from '../host-function.ts';
import { stopCommands } from '../stages/stage-run.ts';
import {
  choice,
  environment,
  integer,
  listOf,
  number,
  type OptionsReader,
  options,
  size,
  text,
  wrongValue,
} from '../value-readers.ts';
import { moduleSource } from './sources.ts';

const MEMORY_MIN = 4 * 1024 * 1024;
const PIDS_MAX = 1_000_000;

const memory = {
  expected: `a size of at least 4MB, such as "512MB"`,
  read(...[value, place]: Parameters<typeof size.read>) {
    const bytes = size.read(value, place);
    if (bytes < MEMORY_MIN) throw wrongValue(value, this.expected, place);
    return bytes;
  },
};

const table = options({
  image: text,
  entrypoint: listOf(text),
  env: environment,
  network: choice('none', 'default'),
  memory,
  cpus: number(0.01, 1024),
  pids: integer(1, PIDS_MAX),
  user: text,
  pull: choice('missing', 'always', 'never'),
});

/** An image name, or a table of options with one. */
const imageOrOptions: OptionsReader<ContainerOptions> = {
  expected: 'the name of an image, or a table of options',
  options: table.options,
  read(value, place) {
    if (typeof value === 'string') return { image: imageName(value, place) };
    if (typeof value !== 'object')
      throw wrongValue(value, this.expected, { ...place, path: 'image' });
    const read = table.read(value, place);
    return { ...read, image: imageName(read.image ?? null, place) };
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
  async ({ branch }, asked) => {
    const checked = branch.stage.policy.checkContainer(asked);
    return [await branch.containers.push(checked, branch.signal)];
  },
  { effect: true },
);

const close = hostFunction(
  [required('id', integer(1, Number.MAX_SAFE_INTEGER))],
  async ({ job, branch }, id) => {
    const container = branch.containers.find(id);
    if (container !== undefined) {
      await stopCommands(branch.stage, container.name, job.host.limits.killGraceMs, (problem) =>
        job.logger.warn({ container: container.name, problem }, 'a command did not stop'),
      );
    }
    await branch.containers.pop(id);
    return [];
  },
  { public: false },
);

export const containerModule: HostModule = {
  name: 'container',
  functions: {
    with: open,
    with_end: close,
    current: hostFunction([], ({ branch }) => [branch.containers.image]),
  },
  source: moduleSource('container'),
};
