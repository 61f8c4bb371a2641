// A container that Podman runs: commands go to its agent, its life is watched through /proc.
import { readFile } from 'node:fs/promises';
import { RivetError } from '@rivet/base';
import { isProcessAlive, killProcess, type ProcessIdentity } from '@rivet/processes';
import type { CommandHost } from '../command-end.ts';
import type {
  Attachment,
  CommandSpec,
  Container,
  ContainerSpec,
  OutputSink,
  RunningCommand,
} from '../driver.ts';
import type { CommandChannel } from './command-channel.ts';
import type { ProcessLimit } from './process-limit.ts';
import { ProcessRefusals } from './process-refusals.ts';

const REMOVED = 'Rivet removed it';
/** How long the kernel may take to end the processes of a container, in milliseconds. */
const KILL_TIMEOUT_MS = 10_000;

export interface PodmanContainerOptions {
  readonly spec: ContainerSpec;
  readonly channel: CommandChannel;
  /** Its main process, as the host sees it. */
  readonly main: ProcessIdentity;
  readonly processLimit: ProcessLimit;
  /** Has Podman remove it; told whether it is there no more. */
  readonly remove: () => Promise<void>;
  /** What Podman knows about its end. */
  readonly describeEnd: () => Promise<string>;
}

export class PodmanContainer implements Container {
  readonly name: string;
  readonly image: string;
  readonly #options: PodmanContainerOptions;
  readonly #host: CommandHost;
  readonly #refusals: ProcessRefusals;
  readonly #commands = new Set<RunningCommand>();
  #removal: Promise<void> | undefined;
  #killing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #outOfMemoryKills = 0;

  constructor(options: PodmanContainerOptions) {
    this.name = options.spec.name;
    this.image = options.spec.image;
    this.#options = options;
    this.#refusals = new ProcessRefusals(options.main.pid);
    this.#host = {
      name: this.name,
      mainPid: options.main.pid,
      env: options.spec.env,
      isAlive: () => isProcessAlive(options.main),
      isEnding: async () => this.#ending || !(await isProcessAlive(options.main)),
      describeEnd: async () => (this.#ending ? REMOVED : await options.describeEnd()),
      ranOutOfMemory: () => this.#ranOutOfMemory(),
      countRefusals: () => this.#refusals.count(),
      // Only where processes are not limited: nothing is to be counted.
      begunByItself: (command) => this.#track(command, () => undefined),
    };
  }

  isRunning(): Promise<boolean> {
    return isProcessAlive(this.#options.main);
  }

  moved(controlDirectory: string): void {
    this.#options.channel.moved(controlDirectory);
  }

  async run(command: CommandSpec, sink: OutputSink): Promise<RunningCommand> {
    return await this.#begin((host) => this.#options.channel.run(host, command, sink));
  }

  async attach(command: CommandSpec, sink: OutputSink): Promise<Attachment> {
    return await this.#begin((host) => this.#options.channel.attach(host, command, sink));
  }

  knows(id: string): boolean {
    return this.#options.channel.knows(id);
  }

  async #begin<T extends Attachment>(action: (host: CommandHost) => Promise<T>): Promise<T> {
    if (this.#ending) {
      throw RivetError.of('RIVET_CONTAINER_LOST', { container: this.name, reason: REMOVED });
    }
    const { processLimit } = this.#options;
    const begun = processLimit.starting();
    let running: T | undefined;
    try {
      running = await action(this.#host);
    } finally {
      begun();
      if (typeof running !== 'object') processLimit.ended();
    }
    if (typeof running === 'object') this.#track(running, () => processLimit.ended());
    return running;
  }

  #track(command: RunningCommand, ended: () => void): void {
    this.#commands.add(command);
    const forget = (): void => {
      ended();
      this.#commands.delete(command);
    };
    command.exit.then(forget, forget);
  }

  /** Whether Rivet itself has ended it. */
  get #ending(): boolean {
    return this.#removal !== undefined || this.#killing !== undefined;
  }

  kill(): Promise<void> {
    this.#killing ??= this.#kill().catch((error: unknown) => {
      // May be tried again.
      this.#killing = undefined;
      throw error;
    });
    return this.#killing;
  }

  async #kill(): Promise<void> {
    // Processes of a mapped user are not ours to signal: Podman does it, in more time.
    if (!(await killProcess(this.#options.main, KILL_TIMEOUT_MS))) await this.remove();
    await this.#close();
  }

  remove(): Promise<void> {
    this.#removal ??= this.#remove().catch((error: unknown) => {
      // May be tried again.
      this.#removal = undefined;
      throw error;
    });
    return this.#removal;
  }

  async #remove(): Promise<void> {
    await this.#options.remove();
    await this.#close();
  }

  #close(): Promise<void> {
    this.#closing ??= (async () => {
      // The commands see that it is gone and let go of their files before the directory is closed.
      // One may have begun as another ended.
      while (this.#commands.size > 0) {
        await Promise.allSettled([...this.#commands].map((command) => command.exit));
      }
      await this.#options.channel.close();
    })();
    return this.#closing;
  }

  async #ranOutOfMemory(): Promise<boolean> {
    const before = this.#outOfMemoryKills;
    this.#outOfMemoryKills = await countOutOfMemoryKills(this.#options.main.pid);
    return this.#outOfMemoryKills > before;
  }
}

/**
 * How many processes of the cgroup the kernel killed for lack of memory; 0 where that cannot be
 * told.
 */
async function countOutOfMemoryKills(pid: number): Promise<number> {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  for (const line of groups.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.+)$/.exec(line) ?? [];
    const file =
      controllers === 'memory'
        ? `/sys/fs/cgroup/memory${path}/memory.oom_control`
        : controllers === ''
          ? `/sys/fs/cgroup${path}/memory.events`
          : undefined;
    const events = file === undefined ? '' : await readFile(file, 'utf8').catch(() => '');
    const [, count] = /^oom_kill (\d+)$/m.exec(events) ?? [];
    if (count !== undefined) return Number(count);
  }
  return 0;
}
