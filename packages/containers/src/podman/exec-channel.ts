// Commands by `podman exec`, for images without a shell: nothing of the image is needed, and each
// command takes as long as Podman takes.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RivetError, Wakeup } from '@rivet/base';
import type { ContainerSpec } from '../driver.ts';
import type { PodmanCli } from './cli.ts';
import type { CommandChannel } from './command-channel.ts';
import { runByExec } from './exec-command.ts';
import { findPauseProgram, type PauseCandidates } from './pause-program.ts';

export interface ExecChannelOptions {
  readonly podman: PodmanCli;
  /** Flags before the command of podman, as this machine needs them. */
  readonly globalFlags: () => readonly string[];
  /** Why it cannot be done the other way. */
  readonly reason: string;
  /** Where the program is looked for that keeps the container; the usual places when undefined. */
  readonly pauseCandidates: PauseCandidates | undefined;
}

/** @throws RIVET_CONTAINER_NO_SHELL when this machine has no program that such a container can run */
export async function createExecChannel(
  spec: ContainerSpec,
  options: ExecChannelOptions,
): Promise<CommandChannel> {
  const pause = await findPauseProgram(options.pauseCandidates);
  if (pause === undefined) {
    throw RivetError.of('RIVET_CONTAINER_NO_SHELL', { image: spec.image, reason: options.reason });
  }
  await mkdir(spec.controlDirectory, { recursive: true, mode: 0o700 });
  const readiness = new Wakeup();
  let path = spec.controlDirectory;
  return {
    main: pause.command,
    mounts: [pause.mount],
    pidFile: join(path, 'pid'),
    isReady: () => true,
    readiness: () => readiness,
    open: async () => {},
    moved(moved) {
      path = moved;
    },
    run: (host, command, sink) =>
      runByExec(
        { podman: options.podman, globalFlags: options.globalFlags(), directory: path },
        host,
        command,
        sink,
      ),
    // Its output went to a process that is no more.
    attach: async () => 'unknown',
    knows: () => false,
    agentInode: 0,
    close: async () => {},
  };
}
