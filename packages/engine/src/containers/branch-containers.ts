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
  /** Starts a container beside the innermost one, for one command; the caller removes it. */
  beside(changes: BesideChanges, signal: AbortSignal): Promise<NeighbourContainer>;
  /** Starts a container and makes it the innermost; the number is for `pop`. */
  push(options: AllowedContainer, signal: AbortSignal): Promise<number>;
  /** The container of a `push`; undefined when it is closed already. */
  find(id: number): Container | undefined;
  /** Removes the container of a `push`; nothing happens when it is gone. */
  pop(id: number): Promise<void>;
  /** A copy for a branch below this one: it sees the same containers, and closes only its own. */
  fork(): BranchContainers;
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

type StartOne = (
  options: AllowedContainer,
  use: Use,
  changes?: BesideChanges,
) => Promise<Container>;

/**
 * The containers of a branch.
 * @param inherited those of the branches above it, innermost last; it closes none of them
 * @param owned what it closes besides what is pushed
 */
export function branchContainers(
  stage: string,
  inherited: readonly LazyContainer[],
  owned: readonly LazyContainer[],
  start: StartOne,
): BranchContainers {
  const stack: { id: number; container: LazyContainer }[] = [];
  let lastId = 0;
  const innermost = (): LazyContainer => {
    const top = stack.at(-1)?.container ?? inherited.at(-1);
    if (top === undefined) throw new Error('a branch without a container');
    return top;
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
    async beside(changes, signal) {
      const { options, get } = innermost();
      const { name } = await get({ stage, signal });
      const use = { stage, signal, beside: name };
      return {
        container: await start(besideOptions(options(), changes), use, changes),
        besides: name,
      };
    },
    async push(options, signal) {
      const container = lazyContainer(options, (use) => start(options, use));
      await container.get({ stage, signal });
      lastId += 1;
      stack.push({ id: lastId, container });
      return lastId;
    },
    find: (id) => stack.find((entry) => entry.id === id)?.container.started,
    async pop(id) {
      await withoutId(id)?.remove();
    },
    fork: () =>
      branchContainers(stage, [...inherited, ...stack.map((entry) => entry.container)], [], start),
    async closeAll() {
      const closing = [...stack.splice(0).map((entry) => entry.container), ...owned];
      await Promise.all(closing.map((container) => container.remove()));
    },
  };
}
