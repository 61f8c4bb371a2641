// The containers that a branch of a script works in, innermost last.
import type { Container } from '@rivet/containers';
import type { AllowedContainer } from '../policy/container.ts';
import type { ResourceLimits } from '../policy/limits.ts';
import { type LazyContainer, lazyContainer, type Use } from './lazy-container.ts';

/** In what a container differs from the one that it stands beside. */
export interface BesideChanges {
  /** Stricter ones of the other container stay. */
  readonly limits: ResourceLimits;
  /** Whether /workspace can only be read. */
  readonly readonly: boolean;
}

/** A container, and the name of the one that it stands beside. */
interface NeighbourContainer {
  readonly container: Container;
  readonly besides: string;
}

export interface BranchContainers {
  /** Image of the innermost container, as it was asked for. */
  readonly image: string;
  /** The innermost container; started now when nothing needed it before. */
  current(signal: AbortSignal): Promise<Container>;
  /** The innermost container that an earlier process started; undefined when it runs no more. */
  adopted(): Promise<Container | undefined>;
  /**
   * Starts a container beside the innermost one, for one command; the caller removes it.
   * @param call number of the call that it is for
   */
  beside(changes: BesideChanges, call: number, signal: AbortSignal): Promise<NeighbourContainer>;
  /** The container of `beside` that an earlier process started; undefined when it runs no more. */
  adoptBeside(changes: BesideChanges, call: number): Promise<NeighbourContainer | undefined>;
  /** Starts a container and makes it the innermost; the number is for `pop`. */
  push(options: AllowedContainer, call: number, signal: AbortSignal): Promise<number>;
  /** Makes a container the innermost that an earlier process opened under a number. */
  restore(options: AllowedContainer, call: number, id: number): void;
  /** The container of a `push`; undefined when it is closed already. */
  find(id: number): Container | undefined;
  /** Removes the container of a `push`; nothing happens when it is gone. */
  pop(id: number): Promise<void>;
  /** A copy for a branch below this one: it sees the same containers, and closes only its own. */
  fork(name: string): BranchContainers;
  /** Removes what was pushed here. */
  closeAll(): Promise<void>;
}

/** The options of a container beside one of these options. */
function besideOptions(options: AllowedContainer, { limits }: BesideChanges): AllowedContainer {
  const found: AllowedContainer = { ...options };
  for (const key of ['memory', 'cpus', 'pids'] as const) {
    const least = Math.min(options[key] ?? Infinity, limits[key] ?? Infinity);
    if (least !== Infinity) found[key] = least;
  }
  return found;
}

/** How containers of a branch come about; `changes` are those of one beside another. */
export interface BranchStarter {
  start(
    options: AllowedContainer,
    key: string,
    use: Use,
    changes?: BesideChanges,
  ): Promise<Container>;
  adopt(
    options: AllowedContainer,
    key: string,
    besides?: string,
    changes?: BesideChanges,
  ): Promise<Container | undefined>;
}

/**
 * The containers of a branch.
 * @param place the stage, and the name of the branch
 * @param inherited those of the branches above it, innermost last; it closes none of them
 * @param owned what it closes besides what is pushed
 */
export function branchContainers(
  place: { readonly stage: string; readonly branch: string },
  inherited: readonly LazyContainer[],
  owned: readonly LazyContainer[],
  starter: BranchStarter,
): BranchContainers {
  const { stage, branch } = place;
  const stack: { id: number; container: LazyContainer }[] = [];
  let lastId = 0;
  const innermost = (): LazyContainer => {
    const top = stack.at(-1)?.container ?? inherited.at(-1);
    if (top === undefined) throw new Error('a branch without a container');
    return top;
  };
  const keyOf = (kind: string, call: number): string => `${kind} ${branch}#${call}`;
  const opened = (options: AllowedContainer, call: number): LazyContainer => {
    const key = keyOf('with', call);
    return lazyContainer(options, {
      start: (use) => starter.start(options, key, use),
      adopt: () => starter.adopt(options, key),
    });
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
    adopted: () => innermost().adopt(),
    async beside(changes, call, signal) {
      const { options, get } = innermost();
      const { name } = await get({ stage, signal });
      const use = { stage, signal, beside: name };
      const own = besideOptions(options(), changes);
      const container = await starter.start(own, keyOf('beside', call), use, changes);
      return { container, besides: name };
    },
    async adoptBeside(changes, call) {
      const { options, adopt } = innermost();
      const besides = (await adopt())?.name;
      if (besides === undefined) return undefined;
      const own = besideOptions(options(), changes);
      const container = await starter.adopt(own, keyOf('beside', call), besides, changes);
      return container && { container, besides };
    },
    async push(options, call, signal) {
      const container = opened(options, call);
      await container.get({ stage, signal });
      lastId += 1;
      stack.push({ id: lastId, container });
      return lastId;
    },
    restore(options, call, id) {
      lastId = id;
      stack.push({ id, container: opened(options, call) });
    },
    find: (id) => stack.find((entry) => entry.id === id)?.container.started,
    async pop(id) {
      await withoutId(id)?.remove();
    },
    fork(name) {
      const below = [...inherited, ...stack.map((entry) => entry.container)];
      return branchContainers({ stage, branch: name }, below, [], starter);
    },
    async closeAll() {
      const closing = [...stack.splice(0).map((entry) => entry.container), ...owned];
      await Promise.all(closing.map((container) => container.remove()));
    },
  };
}
