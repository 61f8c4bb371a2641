// How commands get into a container: through the agent of its control directory, or by
// `podman exec`.
import type { Wakeup } from '@rivet/base';
import { attachCommand } from '../attach-command.ts';
import type { CommandHost } from '../command-end.ts';
import { AGENT_COMMAND, ControlDirectory, type ControlOptions } from '../control-directory.ts';
import type {
  Attachment,
  CommandSpec,
  ContainerSpec,
  Mount,
  OutputSink,
  RunningCommand,
} from '../driver.ts';
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
  /** See `Container.attach`. */
  attach(host: CommandHost, command: CommandSpec, sink: OutputSink): Promise<Attachment>;
  /** See `Container.knows`. */
  knows(id: string): boolean;
  /** Tells the file of the agent from whatever the container puts in its place; 0 without one. */
  readonly agentInode: number;
  /** Lets go of what it holds open; all its commands have ended. */
  close(): Promise<void>;
}

/** The way of images that have a shell. */
export async function createAgentChannel(spec: ContainerSpec): Promise<CommandChannel> {
  return agentChannel(await ControlDirectory.create(spec.controlDirectory, optionsOf(spec)));
}

/** The way into a container that runs; undefined when there is none any more. */
export async function adoptAgentChannel(
  spec: ContainerSpec,
  agentInode: number,
  generation: number,
): Promise<CommandChannel | undefined> {
  const path = spec.controlDirectory;
  const options = optionsOf(spec);
  const control = await ControlDirectory.adopt(path, options, agentInode, generation);
  return control === undefined ? undefined : agentChannel(control);
}

/** Processes that wait would count where a command may have only so many. */
function optionsOf({ pids }: ContainerSpec): ControlOptions {
  return { slots: pids === undefined };
}

function agentChannel(control: ControlDirectory): CommandChannel {
  return {
    main: AGENT_COMMAND,
    mounts: control.mounts,
    pidFile: control.pidFile,
    isReady: () => control.isAgentReady(),
    readiness: () => control.agentWakeup(),
    open: () => control.open(),
    moved: (path) => control.moved(path),
    run: (host, command, sink) => runCommand(host, control, command, sink),
    attach: (host, command, sink) => attachCommand(host, control, command, sink),
    knows: (id) => control.readRecord(id) !== undefined,
    agentInode: control.agentInode,
    close: () => control.close(),
  };
}
