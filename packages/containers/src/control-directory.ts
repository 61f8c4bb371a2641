// The directory through which the runner and the agent of one container talk.
//
// `in/` is mounted read-only: the agent, FIFOs that take requests, and their files. `out/` is
// mounted writable, so whatever is in it is the container's word. The runner makes each file there,
// keeps it open, and never opens one by name again: links, FIFOs and deletions in there do not
// reach it.

import { randomUUID } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Wakeup } from '@rivet/base';
import {
  type CommandFiles,
  dropCommandFiles,
  makeCommandFiles,
  OUTPUT_FILES,
  OutputFile,
  type OutputFileName,
  removeFile,
  writeInputFile,
} from './command-files.ts';
import { CommandSlots, type TakenSlot } from './command-slots.ts';
import type { Mount } from './driver.ts';
import { makeFifos, RequestFifo } from './request-fifo.ts';

/** Where it is mounted in the container. */
const MOUNT_POINT = '/.rivet';
/** What a container runs as its main process. */
export const AGENT_COMMAND: readonly string[] = ['/bin/sh', `${MOUNT_POINT}/in/agent`, MOUNT_POINT];

/** What the shells in a container read, by its name there. */
const SCRIPTS = ['agent', 'command'] as const;
const SOURCES = dirname(fileURLToPath(import.meta.url));
/** The FIFOs that slots wait at; one is in use while a command starts. */
const SLOT_FIFOS = ['slot0', 'slot1'] as const;
const AGENT_BYTES_MAX = 64;

export interface ControlOptions {
  /**
   * Whether processes of commands to come may wait in the container. They count where processes are
   * counted.
   */
  readonly slots: boolean;
}

export class ControlDirectory {
  #path: string;
  readonly #options: ControlOptions;
  readonly #fifos: Promise<unknown>;
  readonly #agent: OutputFile;
  readonly #wakeups = new Map<string, Wakeup>();
  #requests: RequestFifo | undefined;
  #slots: CommandSlots | undefined;
  #watcher: FSWatcher | undefined;
  #closed = false;

  private constructor(path: string, options: ControlOptions, agent: OutputFile) {
    this.#path = path;
    this.#options = options;
    this.#agent = agent;
    this.#watch();
    // Not waited for: a container takes longer to start, and whoever writes requests looks.
    this.#fifos = makeFifos([...SLOT_FIFOS, 'requests'].map((name) => join(path, 'in', name)));
    this.#fifos.catch(() => undefined);
  }

  /** Fills `path`, which is made when it is missing. What it opens is closed by `close`. */
  static async create(path: string, options: ControlOptions): Promise<ControlDirectory> {
    // Closed to other users of the machine; the container's own users come in through the mounts.
    await mkdir(path, { recursive: true, mode: 0o700 });
    await chmod(path, 0o700);
    await makeDirectory(join(path, 'in'));
    await makeDirectory(join(path, 'out'));
    // A copy: a shell reads its script as it goes, and an upgrade of Rivet may replace the
    // original.
    for (const name of SCRIPTS) {
      await writeFile(join(path, 'in', name), await readFile(join(SOURCES, `${name}.sh`)));
      await chmod(join(path, 'in', name), 0o644);
    }
    return new ControlDirectory(path, options, new OutputFile(join(path, 'out/agent')));
  }

  get path(): string {
    return this.#path;
  }

  /** To be told right after it was renamed; what is open stays open. */
  moved(path: string): void {
    this.#path = path;
  }

  get mounts(): readonly Mount[] {
    return [
      { source: join(this.path, 'in'), target: `${MOUNT_POINT}/in`, readonly: true },
      { source: join(this.path, 'out'), target: `${MOUNT_POINT}/out`, readonly: false },
    ];
  }

  /** Where Podman writes the process id of the container's main process. */
  get pidFile(): string {
    return join(this.path, 'pid');
  }

  /** Whether the agent takes requests. */
  isAgentReady(): boolean {
    return this.#agent.size > 0;
  }

  /** To be called once when the agent is ready, before the first command. */
  async open(): Promise<void> {
    await this.#fifos;
    const { path } = this;
    if (this.#closed || this.#requests !== undefined) return;
    this.#requests = new RequestFifo(join(path, 'in/requests'));
    const word = Buffer.alloc(AGENT_BYTES_MAX);
    const said = word.toString('latin1', 0, this.#agent.read(word, 0));
    // An image without cat or setsid has no slots.
    if (!this.#options.slots || !said.startsWith('ready slots\n')) return;
    const fifos = SLOT_FIFOS.map((name) => new RequestFifo(join(path, 'in', name)));
    this.#slots = new CommandSlots(this, fifos);
  }

  /** Processes that wait for the next command; undefined when there are none at the moment. */
  async takeSlot(): Promise<TakenSlot | undefined> {
    return await this.#slots?.take();
  }

  /** The output files of a command or slot; what they are called may be more than `name`. */
  makeFiles(name: string): CommandFiles {
    const out = join(this.path, 'out');
    try {
      return makeCommandFiles(out, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      // Something in the container waits there for what would be written.
      return makeCommandFiles(out, `${name}.${randomUUID()}`);
    }
  }

  /** Writes what a command is started from. */
  writeRequest(name: string, request: string, stdin: Uint8Array | undefined): void {
    if (stdin !== undefined) writeInputFile(this.#input(name, 'stdin'), stdin);
    writeInputFile(this.#input(name, 'request'), request);
  }

  /**
   * Deletes what the command was started from: it may hold secrets, and the agent has read it or,
   * the input, opened it.
   */
  dropRequest(name: string, hasStdin: boolean): void {
    removeFile(this.#input(name, 'request'));
    if (hasStdin) removeFile(this.#input(name, 'stdin'));
  }

  /** Closes and deletes the files of a command that has ended. */
  dropFiles(files: CommandFiles): void {
    for (const file of OUTPUT_FILES) this.#wakeups.delete(`${files.name}.${file}`);
    dropCommandFiles(join(this.path, 'out'), files);
  }

  /** Is told when the container wrote to one of its files; a slow poll must stand behind it. */
  wakeup(name: string, file: OutputFileName): Wakeup {
    return this.#wakeupOf(`${name}.${file}`);
  }

  agentWakeup(): Wakeup {
    return this.#wakeupOf('agent');
  }

  /** Grows with each start of the agent's server. */
  agentStarts(): number {
    return this.#agent.size;
  }

  /**
   * Asks the agent for something. A line is written whole or not at all.
   * @throws RIVET_CONTAINER_AGENT_SILENT
   */
  async send(line: string): Promise<void> {
    await this.open();
    await this.#requests?.send(line);
  }

  /** Like `send`, but false when the agent takes nothing at the moment. */
  trySend(line: string): boolean {
    return this.#requests?.trySend(line) ?? false;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#slots?.close();
    this.#requests?.close();
    this.#agent.close();
    // Whoever deletes the directory must not meet a FIFO that is just being made.
    await this.#fifos.catch(() => undefined);
  }

  #watch(): void {
    try {
      this.#watcher = watch(join(this.path, 'out'), (_, name) => {
        if (name !== null) this.#wakeups.get(name)?.notify();
      });
      // What cannot be watched is polled.
      this.#watcher.on('error', () => undefined);
    } catch {
      this.#watcher = undefined;
    }
  }

  #wakeupOf(name: string): Wakeup {
    const known = this.#wakeups.get(name) ?? new Wakeup();
    this.#wakeups.set(name, known);
    return known;
  }

  #input(name: string, file: 'request' | 'stdin'): string {
    return join(this.path, 'in', `${name}.${file}`);
  }
}

async function makeDirectory(path: string): Promise<void> {
  await mkdir(path);
  // mkdir's mode is cut by the umask.
  await chmod(path, 0o755);
}
