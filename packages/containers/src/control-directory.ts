// The directory through which the runner and the agent of one container talk.
//
// `in/` is mounted read-only: the agent, FIFOs that take requests, and their files. `out/` is
// mounted writable, so whatever is in it is the container's word. The runner makes each file there,
// keeps it open, and never opens one by name again: links, FIFOs and deletions in there do not
// reach it. A later process takes only the very file that was made, by its inode.

import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatDuration, RivetError, type Wakeup } from '@rivet/base';
import {
  type CommandFiles,
  dropCommandFiles,
  makeCommandFiles,
  OUTPUT_FILES,
  OutputFile,
  type OutputFileName,
  removeFile,
  reopenCommandFiles,
  replaceInputFile,
  writeInputFile,
} from './command-files.ts';
import {
  type CommandRecord,
  type PreparedRecord,
  readCommandRecord,
  removeCommandRecord,
  writeCommandRecord,
} from './command-record.ts';
import { CommandSlots, type TakenSlot } from './command-slots.ts';
import type { Mount } from './driver.ts';
import { clearNext, dropNext, leftNext, writeNext } from './next-file.ts';
import { makeFifos, RequestFifo } from './request-fifo.ts';
import { readStatus } from './status-file.ts';
import { type WaitingSlot, waitingSlots } from './waiting-slots.ts';
import { WriteWatch } from './write-watch.ts';

/** Where it is mounted in the container. */
const MOUNT_POINT = '/.rivet';
/** What a container runs as its main process. */
export const AGENT_COMMAND: readonly string[] = ['/bin/sh', `${MOUNT_POINT}/in/agent`, MOUNT_POINT];

/** What the shells in a container read, by its name there. */
const SCRIPTS = ['agent', 'command'] as const;
const SOURCES = dirname(fileURLToPath(import.meta.url));
/** The FIFOs that slots wait at; one is in use while a command starts. */
const SLOT_FIFOS = ['slot0', 'slot1'] as const;
const REQUESTS = 'requests';
const AGENT_BYTES_MAX = 64;
/** Begins the names of the records of commands. */
const RECORD = 'command.';
/** How long the agent may take to read what was asked of it before, in milliseconds. */
const CAUGHT_UP_MS = 10_000;
const CAUGHT_UP_POLL_MS = 100;

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
  readonly #slotFifos: readonly string[];
  readonly #fifos: Promise<unknown>;
  readonly #agent: OutputFile;
  readonly #watch: WriteWatch;
  /** Also of commands that have ended, until nobody needs to attach to them. */
  readonly #files = new Set<CommandFiles>();
  #requests: RequestFifo | undefined;
  #slots: CommandSlots | undefined;
  #closed = false;

  /** @param generation counts the processes that had it before */
  private constructor(
    path: string,
    options: ControlOptions,
    agent: OutputFile,
    generation: number,
  ) {
    this.#path = path;
    this.#options = options;
    this.#agent = agent;
    // What waits at the FIFOs of another process would take what is written for its successor.
    this.#slotFifos =
      generation === 0 ? SLOT_FIFOS : SLOT_FIFOS.map((name) => `${name}.${generation}`);
    this.#watch = new WriteWatch(() => join(this.path, 'out'));
    // Not waited for: a container takes longer to start, and whoever writes requests looks.
    const made = generation === 0 ? [...this.#slotFifos, REQUESTS] : this.#slotFifos;
    this.#fifos = makeFifos(made.map((name) => join(path, 'in', name)));
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
    return new ControlDirectory(path, options, OutputFile.make(join(path, 'out/agent')), 0);
  }

  /**
   * Takes over the directory of a container that runs; undefined when the container has put
   * something in the place of its agent's file.
   * @param agentInode of that file
   * @param generation greater than that of each process that had the directory before
   */
  static async adopt(
    path: string,
    options: ControlOptions,
    agentInode: number,
    generation: number,
  ): Promise<ControlDirectory | undefined> {
    const agent = OutputFile.reopen(join(path, 'out/agent'), agentInode);
    if (agent === undefined) return undefined;
    const control = new ControlDirectory(path, options, agent, generation);
    // What the process before made ready begins when this one asks for it.
    for (const name of leftNext(control.#in)) control.withdrawNext(name);
    // Looked for before this process has slots of its own.
    const left = await control.#leftSlots();
    await control.open();
    for (const slot of left) {
      await control.send(`signal ${slot.pid} KILL`);
      for (const file of OUTPUT_FILES) removeFile(join(path, 'out', `${slot.name}.${file}`));
    }
    return control;
  }

  get agentInode(): number {
    return this.#agent.inode;
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
    this.#requests = new RequestFifo(join(path, 'in', REQUESTS));
    const word = Buffer.alloc(AGENT_BYTES_MAX);
    const said = word.toString('latin1', 0, this.#agent.read(word, 0));
    // An image without cat or setsid has no slots.
    if (!this.#options.slots || !said.startsWith('ready slots\n')) return;
    const fifos = this.#slotFifos.map((name) => new RequestFifo(join(path, 'in', name)));
    this.#slots = new CommandSlots(this, fifos);
  }

  /**
   * Processes that wait for the next command; undefined when there are none at the moment.
   * @param over see `CommandSlots.take`
   */
  async takeSlot(over?: Promise<void>): Promise<TakenSlot | undefined> {
    return await this.#slots?.take(over);
  }

  /** The output files of a command or slot; what they are called may be more than `name`. */
  makeFiles(name: string): CommandFiles {
    const files = this.#makeFiles(name);
    this.#files.add(files);
    return files;
  }

  #makeFiles(name: string): CommandFiles {
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

  /** The same again, where it is not known whether all of it was written. */
  rewriteRequest(name: string, request: string, stdin: Uint8Array | undefined): void {
    if (stdin !== undefined) replaceInputFile(this.#input(name, 'stdin'), stdin);
    replaceInputFile(this.#input(name, 'request'), request);
  }

  /** Keeps what another process needs to follow the command; to be called before it is asked for. */
  keepRecord(
    id: string,
    files: CommandFiles,
    fifo: string | null,
    prepared?: PreparedRecord,
  ): void {
    writeCommandRecord(this.#record(id), files, fifo, prepared);
  }

  /** Ids of the commands that were made ready to begin after the one with these files. */
  async preparedAfter(name: string): Promise<readonly string[]> {
    const ids = await this.#recorded();
    return ids.filter((id) => this.readRecord(id)?.prepared?.after === name);
  }

  /** Has the slot begin when the command with the files `name` has ended with exit code 0. */
  writeNext(name: string, slot: TakenSlot): void {
    writeNext(this.#in, name, { name: slot.files.name, fifo: slot.fifo });
  }

  /** Nothing begins any more when that command ends, unless it already has. */
  withdrawNext(name: string): void {
    clearNext(this.#in, name);
  }

  /** To be called once that command has ended. */
  dropNext(name: string): void {
    dropNext(this.#in, name);
  }

  readRecord(id: string): CommandRecord | undefined {
    return readCommandRecord(this.#record(id));
  }

  dropRecord(id: string): void {
    removeCommandRecord(this.#record(id));
  }

  /** The files of a command of another process; undefined when they are not there any more. */
  reopenFiles(record: CommandRecord): CommandFiles | undefined {
    const files = reopenCommandFiles(join(this.path, 'out'), record);
    if (files !== undefined) this.#files.add(files);
    return files;
  }

  /** Writes to a slot of another process; false when it cannot be told. */
  tellSlot(fifo: string, name: string): boolean {
    const slot = new RequestFifo(join(this.path, 'in', fifo));
    try {
      return slot.trySend(name);
    } finally {
      slot.close();
    }
  }

  /**
   * Resolves when the agent has read everything that was sent before.
   * @throws RIVET_CONTAINER_AGENT_SILENT
   */
  async caughtUp(container: string): Promise<void> {
    const files = this.makeFiles('caught.up');
    try {
      // There is no such process, which the agent says.
      await this.send(`check ${files.name} none`);
      const deadline = performance.now() + CAUGHT_UP_MS;
      const wakeup = this.wakeup(files, 'status');
      while (!readStatus(files.status).lost) {
        if (performance.now() > deadline) {
          const limit = formatDuration(CAUGHT_UP_MS);
          throw RivetError.of('RIVET_CONTAINER_AGENT_SILENT', { container, limit });
        }
        await wakeup.wait(CAUGHT_UP_POLL_MS);
      }
    } finally {
      this.dropFiles(files);
    }
  }

  /** What waits for commands of the process before, and was not asked to become one. */
  async #leftSlots(): Promise<readonly WaitingSlot[]> {
    const asked = (await this.#recorded()).map((id) => this.readRecord(id)?.name);
    return await waitingSlots(join(this.path, 'out'), new Set(asked));
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
    for (const file of OUTPUT_FILES) this.#watch.forget(nameOf(files, file));
    this.#files.delete(files);
    dropCommandFiles(join(this.path, 'out'), files);
  }

  /** Is told when the container wrote to one of its files; a slow poll must stand behind it. */
  wakeup(files: CommandFiles, file: OutputFileName): Wakeup {
    return this.#watch.wakeup(nameOf(files, file), files[file], file !== 'status');
  }

  /** A command has ended: the rest of its output is not waited for in turns. */
  hurry(files: CommandFiles): void {
    this.#watch.hurry(OUTPUT_FILES.map((file) => nameOf(files, file)));
  }

  agentWakeup(): Wakeup {
    return this.#watch.wakeup('agent', this.#agent, false);
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
    this.#watch.close();
    this.#slots?.close();
    this.#requests?.close();
    for (const files of this.#files) for (const file of OUTPUT_FILES) files[file].close();
    this.#files.clear();
    this.#agent.close();
    // Whoever deletes the directory must not meet a FIFO that is just being made.
    await this.#fifos.catch(() => undefined);
  }

  /** Ids of the commands that records are kept of. */
  async #recorded(): Promise<readonly string[]> {
    const names = await readdir(this.path);
    return names.flatMap((name) => (name.startsWith(RECORD) ? [name.slice(RECORD.length)] : []));
  }

  get #in(): string {
    return join(this.path, 'in');
  }

  #record(id: string): string {
    return join(this.path, `${RECORD}${id}`);
  }

  #input(name: string, file: 'request' | 'stdin'): string {
    return join(this.#in, `${name}.${file}`);
  }
}

function nameOf({ name }: CommandFiles, file: OutputFileName): string {
  return `${name}.${file}`;
}

async function makeDirectory(path: string): Promise<void> {
  await mkdir(path);
  // mkdir's mode is cut by the umask.
  await chmod(path, 0o755);
}
