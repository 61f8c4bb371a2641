// A container that is started when it is first needed, or a little before, once for whoever needs
// it.
import { unlessAborted } from '@rivet/base';
import type { Container } from '@rivet/containers';
import type { AllowedContainer } from '../policy/container.ts';

/** For which stage a container is needed, and what ends the wait for it. */
export interface Use {
  readonly stage: string;
  readonly signal: AbortSignal;
  /** Name of the container that the new one shares files and network with. */
  readonly beside?: string;
}

export interface LazyContainer {
  readonly image: string;
  /** What it is made from. */
  readonly options: () => AllowedContainer;
  get(use: Use): Promise<Container>;
  /**
   * Starts it before it is needed. Why that failed is told to the first who needs it, and to nobody
   * when nobody does.
   */
  begin(use: Use): void;
  /** The container that an earlier process started; undefined when it runs no more, or never did. */
  adopt(): Promise<Container | undefined>;
  /** The container, when it was started. */
  readonly started: Container | undefined;
  remove(): Promise<void>;
}

/** How a container comes about. */
interface ContainerSource {
  start(use: Use): Promise<Container>;
  /** See `LazyContainer.adopt`. */
  adopt(): Promise<Container | undefined>;
}

/** @param onNeed told of each stage that asks for it, each time */
export function lazyContainer(
  options: AllowedContainer,
  source: ContainerSource,
  onNeed: (stage: string) => void = () => undefined,
): LazyContainer {
  let starting: Promise<Container> | undefined;
  let started: Container | undefined;
  /** Ends a start that was begun ahead; whoever needs the container only waits for it. */
  let ahead: AbortController | undefined;
  let isUnclaimed = false;
  const launch = (use: Use): Promise<Container> => {
    starting = source.start(use).then((container) => {
      started = container;
      return container;
    });
    return starting;
  };
  const adopt = async (): Promise<Container | undefined> => {
    if (starting !== undefined) return await starting.catch(() => undefined);
    const found = await source.adopt();
    if (found === undefined) return undefined;
    started ??= found;
    starting ??= Promise.resolve(started);
    return started;
  };
  return {
    image: options.image,
    options: () => options,
    get started() {
      return started;
    },
    begin(use) {
      if (starting !== undefined) return;
      ahead = new AbortController();
      isUnclaimed = true;
      const signal = AbortSignal.any([use.signal, ahead.signal]);
      launch({ ...use, signal }).catch(() => undefined);
    },
    async get(use) {
      onNeed(use.stage);
      for (;;) {
        const own = starting === undefined || isUnclaimed;
        isUnclaimed = false;
        const awaited = starting ?? launch(use);
        try {
          return await (ahead === undefined ? awaited : unlessAborted(awaited, use.signal));
        } catch (error) {
          // It may still be starting: `remove` sees to it.
          if (ahead !== undefined && use.signal.aborted) throw error;
          if (starting === awaited) starting = undefined;
          // Whoever started it may have been stopped meanwhile; that is no reason for the others.
          if (own || use.signal.aborted) throw error;
        }
      }
    },
    adopt,
    async remove() {
      ahead?.abort();
      if (starting === undefined) await adopt();
      await starting?.catch(() => {});
      await started?.remove();
      starting = undefined;
      started = undefined;
      ahead = undefined;
    },
  };
}
