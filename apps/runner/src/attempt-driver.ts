// A container driver for one attempt: it hands out what stands ready, keeps account of what runs,
// ends it within milliseconds, and leaves the removing to the disposal.
import type { Container, ContainerDriver, ContainerSpec } from '@rivet/containers';
import type { Disposal } from './disposal.ts';
import type { WarmSlot } from './warm/warm-slot.ts';

export interface AttemptDriverOptions {
  readonly driver: ContainerDriver;
  readonly disposal: Pick<Disposal, 'addContainers' | 'settle'>;
  /** What stands ready in the directory of the attempt. */
  readonly slot: WarmSlot | undefined;
  /** Told of each container that the job asked for, warm or not. */
  readonly onStart: (spec: ContainerSpec) => void;
}

export interface AttemptDriver extends ContainerDriver {
  /**
   * Ends all containers of the attempt; nothing of them runs any more when this resolves. Their
   * records and files follow later.
   */
  endAll(): Promise<void>;
}

/** See the file's first line; `labels` are those of the attempt's containers. */
export function attemptDriver(
  options: AttemptDriverOptions,
  labels: Readonly<Record<string, string>>,
): AttemptDriver {
  const { driver, disposal, slot, onStart } = options;
  const open = new Set<Container>();
  const starting = new Set<Promise<Container>>();
  /** Whether a start failed, so that only Podman knows what there is. */
  let isUnsure = false;

  const end = async (container: Container): Promise<void> => {
    await container.kill();
    if (open.delete(container)) disposal.addContainers([container.name]);
  };
  const begin = async (spec: ContainerSpec, signal: AbortSignal | undefined) => {
    const ready = await slot?.take(spec);
    return ready ?? (await driver.start(spec, signal));
  };
  const start = async (spec: ContainerSpec, signal?: AbortSignal): Promise<Container> => {
    onStart(spec);
    const started = begin(spec, signal);
    starting.add(started);
    try {
      const container = await started;
      open.add(container);
      return endingQuickly(container, () => end(container));
    } catch (error) {
      isUnsure = true;
      throw error;
    } finally {
      starting.delete(started);
    }
  };
  const endAll = async (): Promise<void> => {
    for (const container of slot?.takeRest() ?? []) open.add(container);
    let failed: PromiseRejectedResult | undefined;
    // What runs is ended first; a start that is under way may bring one more.
    for (let isLast = false; !isLast; ) {
      isLast = starting.size === 0;
      const ended = await Promise.allSettled([...open].map(end));
      failed = ended.find((result) => result.status === 'rejected');
      await Promise.allSettled(starting);
    }
    if (!isUnsure && failed === undefined) return;
    await driver.removeLabelled(labels);
    isUnsure = false;
    if (failed !== undefined) throw failed.reason;
  };
  return {
    ...passedOn(driver),
    start,
    endAll,
    async removeLabelled() {
      const { size } = open;
      await endAll();
      return size;
    },
    async removeBuilt(owner) {
      // Podman keeps an image as long as there is a container of it.
      await disposal.settle();
      return await driver.removeBuilt(owner);
    },
  };
}

function passedOn(driver: ContainerDriver): ContainerDriver {
  return {
    name: driver.name,
    check: () => driver.check(),
    ensureImage: (image, options) => driver.ensureImage(image, options),
    pullImage: (image, options) => driver.pullImage(image, options),
    buildImage: (spec, sink, signal) => driver.buildImage(spec, sink, signal),
    pushImage: (id, name, options) => driver.pushImage(id, name, options),
    removeBuilt: (labels) => driver.removeBuilt(labels),
    start: (spec, signal) => driver.start(spec, signal),
    list: (labels) => driver.list(labels),
    removeNamed: (names) => driver.removeNamed(names),
    removeLabelled: (labels) => driver.removeLabelled(labels),
    removeTree: (path) => driver.removeTree(path),
    close: () => driver.close(),
  };
}

function endingQuickly(container: Container, end: () => Promise<void>): Container {
  return {
    name: container.name,
    image: container.image,
    warm: container.warm ?? false,
    isRunning: () => container.isRunning(),
    moved: (path) => container.moved(path),
    run: (command, sink) => container.run(command, sink),
    kill: () => container.kill(),
    remove: end,
  };
}
