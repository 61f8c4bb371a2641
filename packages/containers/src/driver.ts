// The contract of container drivers.
//
// Lifecycle: `check` → `ensureImage` → `start` → `Container.run`… → `Container.remove`, and after a
// crash `removeLabelled` by whoever owns the labels. Many ends at once: `kill` each, then
// `removeNamed` all of them. Concurrency: every method may be called at any
// time, several at once; a container takes several commands at the same time. Isolation: containers
// see each other only through the mounts they share. Nothing but `remove*` deletes anything. Every
// implementation passes `driver-conformance.ts`.

import type { ImageOperations } from './image-operations.ts';

/**
 * What a container is made from. Every string in it is data: none is split, expanded or parsed by a
 * shell.
 */
export interface ContainerSpec {
  /** Unique on the host; [a-zA-Z0-9][a-zA-Z0-9_.-]*. */
  readonly name: string;
  readonly image: string;
  /** Id of the image that `image` stands for; what the name stands for now when undefined. */
  readonly imageId?: string | undefined;
  /** Who owns it; see labels.ts. */
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  /** Empty file systems in memory. */
  readonly scratch?: readonly ScratchMount[];
  /**
   * Name of a running container whose files and network this one shares; processes, limits and
   * mounts are its own. `image` is then only a name, `network` is not looked at.
   */
  readonly beside?: string;
  /**
   * Program and arguments put before Rivet's agent, which they must run; the image's own entrypoint
   * is never run without being asked for. Only a container that has one shows `env` to `podman
   * inspect`.
   */
  readonly entrypoint: readonly string[];
  readonly network: 'default' | 'none';
  readonly user: string | undefined;
  readonly memoryBytes: number | undefined;
  readonly cpus: number | undefined;
  /** Processes of commands at the same time; what Rivet needs itself comes on top. */
  readonly pids: number | undefined;
  readonly privileged: boolean;
  /** Host directory, made for this container alone, for requests, output and exit files. */
  readonly controlDirectory: string;
}

export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readonly: boolean;
}

export interface ScratchMount {
  readonly target: string;
  /** Half of the machine's memory when undefined. */
  readonly bytesMax: number | undefined;
}

export type PullPolicy = 'missing' | 'always' | 'never';

/** A command for a running container. It is executed directly; no shell sees its arguments. */
export interface CommandSpec {
  /** Unique in the container; [a-zA-Z0-9_-]+. */
  readonly id: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path in the container. */
  readonly cwd: string;
  readonly stdin: Uint8Array | undefined;
  /**
   * Whether what it has printed, and how it ended, stays on the disk until `forget`: another process
   * of the runner can attach to it then.
   */
  readonly keep?: boolean;
}

export type OutputStream = 'stdout' | 'stderr';

/**
 * Takes output as it comes, in order a stream. What it returns is awaited before more of that
 * stream is read; the bytes may be overwritten then, so whoever keeps them makes a copy.
 */
export type OutputSink = (stream: OutputStream, bytes: Uint8Array) => void | Promise<void>;

export interface CommandExit {
  /** As a shell gives it: 126 not executable, 127 not found, 128+n killed by signal n. */
  readonly exitCode: number;
  /**
   * `SIGKILL` and the like when a signal ended it. A program that itself exits with 128+n cannot be
   * told from one that signal n ended.
   */
  readonly signal: string | undefined;
  /** Why Rivet knows more than the code says. */
  readonly cause:
    | 'not-found'
    | 'not-executable'
    | 'out-of-memory'
    | 'process-limit'
    | 'disk-full'
    | undefined;
  readonly durationMs: number;
  /** True when the command has begun that was made ready after it: nobody had ended it then. */
  readonly followed?: boolean;
}

export interface RunningCommand {
  readonly id: string;
  /** Process id inside the container, once it is known. */
  readonly pid: number | undefined;
  /**
   * Resolves after the exit, when all output has been given to the sink. Rejects with
   * RIVET_CONTAINER_LOST when the container went away.
   */
  readonly exit: Promise<CommandExit>;
  /**
   * Sends a signal (`TERM`, `KILL`, `INT`, …) to the whole process group; nothing happens after the
   * exit.
   */
  signal(name: string): Promise<void>;
  /** Lets go of what `keep` has kept; to be called when its end is known for good. */
  forget(): void;
  /**
   * Makes `command` ready to begin as soon as this one has ended with exit code 0, without waiting
   * for the runner. At most one; undefined where that is impossible, and nothing of it is left
   * then. A signal to this command withdraws it first. Never rejects.
   */
  prepareNext(command: CommandSpec, sink: OutputSink): Promise<NextCommand | undefined>;
}

/** A command that begins by itself where the one before it ends with exit code 0. */
export interface NextCommand {
  /**
   * Settles when the command before it has ended, before `exit` of that does, or soon after it was
   * withdrawn: the command, which has begun or is about to, and whose `exit` rejects where `run` would
   * have rejected; undefined when it did not begin and never will. Never rejects.
   */
  readonly begun: Promise<RunningCommand | undefined>;
  /**
   * When this returns it will not begin any more, unless it already has: `begun` tells. Safe to call
   * at any time.
   */
  withdraw(): void;
}

/**
 * What has become of a command that another process of the runner started, or was about to start:
 * it goes on, or has ended; nothing of it ever ran; nobody can say.
 */
export type Attachment = RunningCommand | 'not-started' | 'unknown';

export interface Container {
  readonly name: string;
  readonly image: string;
  /** Whether it had been started before anybody asked for it. */
  readonly warm?: boolean;
  /** Whether its main process lives. */
  isRunning(): Promise<boolean>;
  /** To be told right after its control directory was renamed. */
  moved(controlDirectory: string): void;
  /**
   * Starts a command; resolves when it runs. Output that the sink cannot take yet waits on disk,
   * not in memory. When the sink throws, the command is killed and `exit` rejects with what was thrown.
   * @throws RIVET_CONTAINER_CWD_MISSING, RIVET_CONTAINER_COMMAND_INVALID,
   *   RIVET_CONTAINER_ARGUMENTS_TOO_LONG, RIVET_CONTAINER_LOST, RIVET_CONTAINER_AGENT_SILENT,
   *   RIVET_CONTAINER_PROCESS_REFUSED
   */
  run(command: CommandSpec, sink: OutputSink): Promise<RunningCommand>;
  /**
   * Follows a command that was started with `keep` by a process that is no more. All its output
   * comes to the sink once more, from the beginning, and it ends as it would have ended there.
   * @param command as it was given to `run`, by its id
   * @throws like `run`
   */
  attach(command: CommandSpec, sink: OutputSink): Promise<Attachment>;
  /**
   * Whether a command was started with `keep` under this id, or made ready with it, in whatever
   * process, and nobody has let go of it: `attach` says what became of that.
   */
  knows(id: string): boolean;
  /**
   * Kills whatever runs in it; nothing of it runs any more when this resolves, which takes
   * milliseconds. Its record and files stay until `remove`. Safe to call twice and when it is gone.
   */
  kill(): Promise<void>;
  /**
   * Kills whatever runs in it and removes it; safe to call twice and when it is gone already.
   * The control directory stays: whoever made it removes it, with `removeTree`.
   */
  remove(): Promise<void>;
}

export interface ContainerSummary {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly running: boolean;
}

/** One finding of `check`: what was looked at, what was seen, and how to mend it. */
export interface DriverFinding {
  readonly subject: string;
  readonly ok: boolean;
  readonly seen: string;
  readonly fix: string | undefined;
}

/** Where a check tries a container, so that its owner finds what a killed one left. */
export interface CheckPlace {
  /** At least one. */
  readonly labels: Readonly<Record<string, string>>;
  /** Of the check alone: made and removed by it, with what an earlier one left in it. */
  readonly directory: string;
}

export interface ContainerDriver extends ImageOperations {
  readonly name: string;
  /** Looks at the machine; the findings are what `rivet doctor` prints. Never throws. */
  check(place: CheckPlace): Promise<readonly DriverFinding[]>;
  /**
   * Makes sure that the image is there; returns its id where that is known without asking for long.
   * @throws RIVET_CONTAINER_IMAGE_INVALID, RIVET_CONTAINER_IMAGE_NOT_FOUND,
   * RIVET_CONTAINER_REGISTRY_UNREACHABLE, …
   */
  ensureImage(
    image: string,
    options: { pull: PullPolicy; signal?: AbortSignal },
  ): Promise<string | undefined>;
  /** Starts a container; the image must be there. Nothing is left behind when it throws. */
  start(spec: ContainerSpec, signal?: AbortSignal): Promise<Container>;
  /**
   * The container that another process of the runner started from this spec; its control directory
   * may have been renamed since. Undefined when it does not run any more.
   */
  adopt(spec: ContainerSpec): Promise<Container | undefined>;
  list(labels: Readonly<Record<string, string>>): Promise<readonly ContainerSummary[]>;
  /** Removes containers of Rivet's own by their names, many at once; those that are gone are fine. */
  removeNamed(names: readonly string[]): Promise<void>;
  /** Removes every container that carries all of `labels` (at least one); returns how many. */
  removeLabelled(labels: Readonly<Record<string, string>>): Promise<number>;
  /**
   * Removes a directory with everything in it, also what containers wrote as root or a mapped user.
   */
  removeTree(path: string): Promise<void>;
  /**
   * Names of networks that a killed Podman has left on this machine, whoever ran it: nobody is in
   * them. One that is being made at this moment looks the same, and only for that moment. Empty
   * where not every process of the machine can be seen.
   */
  listLeftNetworks(): Promise<readonly string[]>;
  /**
   * Removes those of `networks` that are still left, and that no container will come back to;
   * returns how many.
   * @param networks listed long ago
   */
  removeLeftNetworks(networks: readonly string[]): Promise<number>;
  /** Where images and containers lie on this machine; undefined when that is not known. */
  storageDirectory(): Promise<string | undefined>;
  close(): Promise<void>;
}
