// A container or a driver of which something is done differently, and the rest as before.
import type { CommandSpec, Container, ContainerDriver, RunningCommand } from './driver.ts';

/** The same container with `changes`. */
export function decorateContainer(container: Container, changes: Partial<Container>): Container {
  return {
    name: container.name,
    image: container.image,
    warm: container.warm ?? false,
    isRunning: () => container.isRunning(),
    moved: (controlDirectory) => container.moved(controlDirectory),
    run: (command, sink) => container.run(command, sink),
    attach: (command, sink) => container.attach(command, sink),
    knows: (id) => container.knows(id),
    kill: () => container.kill(),
    remove: () => container.remove(),
    ...changes,
  };
}

/** The same container with `changes`; its commands get `env` under their own variables. */
export function withVariables(
  container: Container,
  env: Readonly<Record<string, string>>,
  changes: Partial<Container> = {},
): Container {
  const complete: Complete = (command) => ({ ...command, env: { ...env, ...command.env } });
  return decorateContainer(container, {
    run: async (command, sink) => followed(await container.run(complete(command), sink), complete),
    async attach(command, sink) {
      const found = await container.attach(complete(command), sink);
      return typeof found === 'string' ? found : followed(found, complete);
    },
    ...changes,
  });
}

type Complete = (command: CommandSpec) => CommandSpec;

/** The same command: what is to begin after it is completed, too. */
function followed(running: RunningCommand, complete: Complete): RunningCommand {
  return {
    id: running.id,
    get pid() {
      return running.pid;
    },
    exit: running.exit,
    signal: (name) => running.signal(name),
    forget: () => running.forget(),
    async prepareNext(command, sink) {
      const next = await running.prepareNext(complete(command), sink);
      if (next === undefined) return undefined;
      return {
        begun: next.begun.then((begun) => begun && followed(begun, complete)),
        withdraw: () => next.withdraw(),
      };
    },
  };
}

/** The same driver with `changes`. */
export function decorateDriver(
  driver: ContainerDriver,
  changes: Partial<ContainerDriver>,
): ContainerDriver {
  return {
    name: driver.name,
    check: (place) => driver.check(place),
    ensureImage: (image, options) => driver.ensureImage(image, options),
    pullImage: (image, options) => driver.pullImage(image, options),
    buildImage: (spec, sink, signal) => driver.buildImage(spec, sink, signal),
    pushImage: (id, name, options) => driver.pushImage(id, name, options),
    removeBuilt: (labels) => driver.removeBuilt(labels),
    pruneImages: (options) => driver.pruneImages(options),
    start: (spec, signal) => driver.start(spec, signal),
    adopt: (spec) => driver.adopt(spec),
    list: (labels) => driver.list(labels),
    removeNamed: (names) => driver.removeNamed(names),
    removeLabelled: (labels) => driver.removeLabelled(labels),
    removeTree: (path) => driver.removeTree(path),
    listLeftNetworks: () => driver.listLeftNetworks(),
    removeLeftNetworks: (networks) => driver.removeLeftNetworks(networks),
    storageDirectory: () => driver.storageDirectory(),
    close: () => driver.close(),
    ...changes,
  };
}
