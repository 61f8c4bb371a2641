// A container driver for one attempt, which starts nothing more once the attempt must stop.
import {
  type Container,
  type ContainerDriver,
  decorateContainer,
  decorateDriver,
} from '@rivet/containers';

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
  return decorateDriver(driver, {
    async ensureImage(image, options) {
      return await driver.ensureImage(image, { ...options, signal: fenced(options.signal) });
    },
    async start(spec, signal) {
      const container = await driver.start(spec, fenced(signal));
      if (fence.aborted) {
        await container.remove();
        fence.throwIfAborted();
      }
      return fencedContainer(container, fence);
    },
    async adopt(spec) {
      fence.throwIfAborted();
      const container = await driver.adopt(spec);
      return container === undefined ? undefined : fencedContainer(container, fence);
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
  });
}

function fencedContainer(container: Container, fence: AbortSignal): Container {
  return decorateContainer(container, {
    async run(command, sink) {
      fence.throwIfAborted();
      return await container.run(command, sink);
    },
    async attach(command, sink) {
      fence.throwIfAborted();
      return await container.attach(command, sink);
    },
  });
}
