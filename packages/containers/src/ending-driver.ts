// A container driver for one attempt: it hands out what stands ready, keeps account of what runs,
// ends it within milliseconds, and leaves the removing to somebody else.
import { decorateContainer, decorateDriver } from './decorate.ts';
import type { Container, ContainerDriver, ContainerSpec } from './driver.ts';

/** Removes what has ended, later. */
export interface Disposer {
  /** Containers that were killed, by name. */
  addContainers(names: readonly string[]): void;
  /** Resolves when what was added is gone, or when it is known that it stays. */
  settle(): Promise<void>;
}

/** Containers that were started before anybody asked for them. */
export interface ReadyContainers {
  /** One that is as the spec says; undefined when there is none. */
  take(spec: ContainerSpec): Promise<Container | undefined>;
  /** Those that nobody has taken; nobody can any more. */
  takeRest(): readonly Container[];
}

export interface EndingDriverOptions {
  readonly driver: ContainerDriver;
  readonly disposal: Disposer;
  /** What stands ready in the directory of the attempt. */
  readonly slot: ReadyContainers | undefined;
  /** Told of each container that the job asked for, warm or not. */
  readonly onStart: (spec: ContainerSpec) => void;
}

export interface EndingDriver extends ContainerDriver {
  /**
   * Ends all containers of the attempt; nothing of them runs any more when this resolves. Their
   * records and files follow later.
   */
  endAll(): Promise<void>;
}

/** See the file's first line; `labels` are those of the attempt's containers. */
export function endingDriver(
  options: EndingDriverOptions,
  labels: Readonly<Record<string, string>>,
): EndingDriver {
  const { driver, disposal, slot, onStart } = options;
  const open = new Set<Container>();
  const starting = new Set<Promise<Container>>();
  /** Whether a start failed, so that only Podman knows what there is. */
  let isUnsure = false;

  const end = async (container: Container): Promise<void> => {
    try {
      await container.kill();
    } catch (error) {
      // It may still run, and one that stood ready has no labels of the attempt to find it by.
      disposal.addContainers([container.name]);
      throw error;
    }
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
      return decorateContainer(container, { remove: () => end(container) });
    } catch (error) {
      isUnsure = true;
      throw error;
    } finally {
      starting.delete(started);
    }
  };
  const adopt = async (spec: ContainerSpec): Promise<Container | undefined> => {
    const container = await driver.adopt(spec);
    if (container === undefined) return undefined;
    open.add(container);
    return decorateContainer(container, { remove: () => end(container) });
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
  const own = decorateDriver(driver, {
    start,
    adopt,
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
  });
  return { ...own, endAll };
}
