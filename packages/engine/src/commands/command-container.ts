// Where a command runs: in the innermost container of its branch, or in one of its own beside that.
import { toRivetError } from '@rivet/base';
import type { Container } from '@rivet/containers';
import type { ModuleCall } from '../host-function.ts';
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
  { branch, job }: ModuleCall,
  request: CommandRequest,
): Promise<CommandContainer> {
  const { signal, containers, stage } = branch;
  if (Object.keys(request.limits).length === 0 && !request.readonly) {
    const container = await containers.current(signal);
    return { container, endsWith: container.name, release: async () => {} };
  }
  const limits = stage.policy.commandLimits(request.limits);
  const changes = { limits, readonly: request.readonly };
  const { container, besides } = await containers.beside(changes, signal);
  return {
    container,
    endsWith: besides,
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
