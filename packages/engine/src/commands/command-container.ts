// Where a command runs: in the innermost container of its branch, or in one of its own beside that.
import { toRivetError } from '@rivet/base';
import type { Container } from '@rivet/containers';
import type { BesideChanges } from '../containers/branch-containers.ts';
import type { ModuleCall } from '../host-function.ts';
import type { StageRun } from '../stages/stage-run.ts';
import type { CommandRequest } from './command-request.ts';

export interface CommandContainer {
  readonly container: Container;
  /** Name of the container that the command must end with. */
  readonly endsWith: string;
  /** Gives back what was made for the command alone; never throws. */
  release(): Promise<void>;
}

/**
 * A command with limits of its own, or with a read-only workspace, gets a container with the files
 * and the network of the innermost one: only there the kernel holds it to them.
 * @throws RIVET_POLICY_DENIED, and what starting a container raises
 */
export async function containerFor(
  call: ModuleCall,
  request: CommandRequest,
): Promise<CommandContainer> {
  const { branch } = call;
  const { signal, containers, stage } = branch;
  if (!needsOwn(request)) {
    const container = await containers.current(signal);
    return { container, endsWith: container.name, release: async () => {} };
  }
  const changes = changesOf(stage, request);
  const { container, besides } = await containers.beside(changes, call.sequence, signal);
  return ownContainer(call, container, besides);
}

/** The container in which an earlier process ran a command; undefined when it runs no more. */
export async function adoptedContainerFor(
  call: ModuleCall,
  request: CommandRequest,
): Promise<CommandContainer | undefined> {
  const { containers, stage } = call.branch;
  if (!needsOwn(request)) {
    const container = await containers.adopted();
    return container && { container, endsWith: container.name, release: async () => {} };
  }
  const found = await containers.adoptBeside(changesOf(stage, request), call.sequence);
  return found && ownContainer(call, found.container, found.besides);
}

/** Whether a command runs in a container of its own, beside the innermost one. */
export function needsOwn({ limits, readonly }: CommandRequest): boolean {
  return Object.keys(limits).length > 0 || readonly;
}

function changesOf({ policy }: StageRun, { limits, readonly }: CommandRequest): BesideChanges {
  return { limits: policy.commandLimits(limits), readonly };
}

function ownContainer(
  { job }: ModuleCall,
  container: Container,
  endsWith: string,
): CommandContainer {
  return {
    container,
    endsWith,
    async release() {
      try {
        await container.remove();
      } catch (error) {
        // The sweep at the end of the job removes what is left.
        const problem = toRivetError(error).message;
        job.logger.warn({ container: container.name, problem }, 'a container did not close');
      }
    },
  };
}
