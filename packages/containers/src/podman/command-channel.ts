// How commands get into a container: through the agent of its control directory, or by
// `podman exec`.
import type { Wakeup } from '@rivet/base';
import type { CommandHost } from '../command-end.ts';
import { AGENT_COMMAND, ControlDirectory } from '../control-directory.ts';
import type { CommandSpec, ContainerSpec, Mount, OutputSink, RunningCommand } from '../driver.ts';
import { runCommand } from '../running-command.ts';

/** The way into one container. It is made before the container, which starts with it. */
export interface CommandChannel {
  /** What the container runs as its main process. */
  readonly main: readonly string[];
  readonly mounts: readonly Mount[];
  /** Where Podman writes the process id of the main process. */
  readonly pidFile: string;
  /** Whether the main process takes commands. */
  isReady(): boolean;
  /** Is told when that may have changed; a slow poll must stand behind it. */
  readiness(): Wakeup;
  /** To be called once when it is ready, before the first command. */
  open(): Promise<void>;
  /** To be told right after the control directory was renamed. */
  moved(path: string): void;
  /** See `Container.run`. */
  run(host: CommandHost, command: CommandSpec, sink: OutputSink): Promise<RunningCommand>;
  /** Lets go of what it holds open; all its commands have ended. */
  close(): Promise<void>;
}

/** The way of images that have a shell. */
export async function createAgentChannel(spec: ContainerSpec): Promise<CommandChannel> {
  const control = await ControlDirectory.create(spec.controlDirectory, {
    // Processes that wait would count where a command may have only so many.
    slots: spec.pids === undefined,
  });
  return {
    main: AGENT_COMMAND,
    mounts: control.mounts,
    pidFile: control.pidFile,
    isReady: () => control.isAgentReady(),
    readiness: () => control.agentWakeup(),
    open: () => control.open(),
    moved: (path) => control.moved(path),
    run: (host, command, sink) => runCommand(host, control, command, sink),
    close: () => control.close(),
  };
}
