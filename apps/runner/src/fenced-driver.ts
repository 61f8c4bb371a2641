// A container driver for one attempt, which starts nothing more once the attempt must stop.
import type { Container, ContainerDriver } from '@rivet/containers';

/**
 * The same driver until `fence` aborts. From then on images, containers and commands are refused
 * with the reason of `fence`, and containers whose start was under way are removed; removing always
 * works.
 */
export function fencedDriver(driver: ContainerDriver, fence: AbortSignal): ContainerDriver {
  const fenced = (signal: AbortSignal | undefined): AbortSignal => {
    fence.throwIfAborted();
    return signal === undefined ? fence : AbortSignal.any([fence, signal]);
  };
  return {
    name: driver.name,
    check: () => driver.check(),
    async ensureImage(image, options) {
      fence.throwIfAborted();
      const signals = options.signal === undefined ? [fence] : [fence, options.signal];
      return driver.ensureImage(image, { ...options, signal: AbortSignal.any(signals) });
    },
    async start(spec, signal) {
      fence.throwIfAborted();
      const signals = signal === undefined ? [fence] : [fence, signal];
      const container = await driver.start(spec, AbortSignal.any(signals));
      if (fence.aborted) {
        await container.remove();
        fence.throwIfAborted();
      }
      return fencedContainer(container, fence);
    },
    async pullImage(image, options) {
      return await driver.pullImage(image, { ...options, signal: fenced(options.signal) });
    },
    async buildImage(spec, sink, signal) {
      return await driver.buildImage(spec, sink, fenced(signal));
    },
    async pushImage(id, name, options) {
      return await driver.pushImage(id, name, { ...options, signal: fenced(options.signal) });
    },
    removeBuilt: (labels) => driver.removeBuilt(labels),
    list: (labels) => driver.list(labels),
    removeLabelled: (labels) => driver.removeLabelled(labels),
    removeNamed: (names) => driver.removeNamed(names),
    removeTree: (path) => driver.removeTree(path),
    close: () => driver.close(),
  };
}

function fencedContainer(container: Container, fence: AbortSignal): Container {
  return {
    name: container.name,
    image: container.image,
    warm: container.warm ?? false,
    async run(command, sink) {
      fence.throwIfAborted();
      return container.run(command, sink);
    },
    isRunning: () => container.isRunning(),
    moved: (path) => container.moved(path),
    kill: () => container.kill(),
    remove: () => container.remove(),
  };
}
