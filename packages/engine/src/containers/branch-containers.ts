// The containers that a branch of a script works in, innermost last.
import type { Container } from '@rivet/containers';
import type { AllowedContainer } from '../policy/container.ts';
import type { ResourceLimits } from '../policy/limits.ts';

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
