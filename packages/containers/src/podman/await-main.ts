// Waits until the main process of a container that was just started takes commands.
import { readFile } from 'node:fs/promises';
import { RivetError } from '@rivet/base';
import { identifyProcess, type ProcessIdentity } from '@rivet/processes';
import type { ContainerSpec } from '../driver.ts';
import type { CommandChannel } from './command-channel.ts';

const READY_TIMEOUT_MS = 30_000;

/**
 * @param describeEnd what Podman knows about the end of the container
 * @throws RIVET_CONTAINER_ENTRYPOINT_FAILED, RIVET_CONTAINER_AGENT_SILENT; the signal's reason
 */
export async function awaitMain(
  { image, name }: ContainerSpec,
  channel: CommandChannel,
  describeEnd: () => Promise<string>,
  signal: AbortSignal | undefined,
): Promise<ProcessIdentity> {
  const pid = Number(await readFile(channel.pidFile, 'utf8').catch(() => ''));
  const main = await identifyProcess(pid);
  const readiness = channel.readiness();
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (main !== undefined) {
    if (channel.isReady()) return main;
    signal?.throwIfAborted();
    if ((await identifyProcess(pid))?.startTicks !== main.startTicks) break;
    if (performance.now() > deadline) {
      throw RivetError.of('RIVET_CONTAINER_AGENT_SILENT', {
        container: name,
        limit: `${READY_TIMEOUT_MS / 1000} s`,
      });
    }
    await readiness.wait(100);
  }
  throw RivetError.of('RIVET_CONTAINER_ENTRYPOINT_FAILED', {
    image,
    reason: await describeEnd(),
  });
}
