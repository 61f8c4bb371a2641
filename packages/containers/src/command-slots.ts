// Commands whose processes are there before anybody asks for them: what remains to be done then is
// to name one, and it becomes the program.
//
// A slot is used only once it said that it waits: then it has opened its files, and whatever the
// container does to their names does not matter any more. Everything that is not as it should be
// ends in `undefined`, and the command is started the other way, which needs no slot.
import type { Wakeup } from '@rivet/base';
import type { CommandFiles, OutputFile } from './command-files.ts';
import { printfMark } from './command-files.ts';
import type { RequestFifo } from './request-fifo.ts';
import { readStatus } from './status-file.ts';

/** How long a command waits for a slot that is about to be there, in milliseconds. */
const WAIT_MS = 30;
/** After this long without a word of it a slot counts as lost, in milliseconds. */
const LOST_MS = 10_000;

/** What slots need of their control directory. */
export interface SlotDirectory {
  makeFiles(name: string): CommandFiles;
  dropFiles(files: CommandFiles): void;
  wakeup(files: CommandFiles, file: 'status'): Wakeup;
  /** Asks the agent for something; false when it takes nothing at the moment. */
  trySend(line: string): boolean;
  /** Grows when the agent had to start anew: everything else in the container may be gone. */
  agentStarts(): number;
}

interface Slot {
  readonly files: CommandFiles;
  /** Index of the FIFO that it reads its name from. */
  readonly fifo: number;
  readonly askedAt: number;
}

/** A slot that waits for its request to be written, and to be told to go. */
export interface TakenSlot {
  readonly files: CommandFiles;
  /** Name of the FIFO at which it waits. */
  readonly fifo: string;
  /** False when it cannot be told. */
  go(): boolean;
  /** It read its name, or will never read it: another may wait at its FIFO. */
  begun(): void;
  /** It was not told, and waits for another command. */
  giveBack(): void;
}

export class CommandSlots {
  readonly #directory: SlotDirectory;
  readonly #fifos: readonly RequestFifo[];
  /** FIFOs at which nobody waits. One whose slot may still be there never comes back. */
  readonly #free: number[];
  #slots: Slot[] = [];
  #count = 0;
  #starting = 0;
  /** Whether a command found none since the last turn. */
  #missed = false;
  #starts: number;
  #refill: NodeJS.Immediate | undefined;

  /** @param fifos which slots read from, one at a time each */
  constructor(directory: SlotDirectory, fifos: readonly RequestFifo[]) {
    this.#directory = directory;
    this.#fifos = fifos;
    this.#free = fifos.map((_, index) => index);
    this.#starts = directory.agentStarts();
    this.#prepare();
  }

  /**
   * The slot for a command; undefined when there is none in time.
   * @param over until when it is of use; when absent the command waits for nothing else
   */
  async take(over?: Promise<void>): Promise<TakenSlot | undefined> {
    this.#starting += 1;
    let slot: TakenSlot | undefined;
    try {
      slot = await this.#take(over);
      return slot;
    } finally {
      // The next one is not made beside the start of a command but right after it: `begun`.
      this.#missed ||= slot === undefined;
      this.#refill ??= setImmediate(() => {
        this.#refill = undefined;
        this.#starting = 0;
        if (this.#missed) this.#prepare();
        this.#missed = false;
      });
    }
  }

  /** Lets go of the slots that nobody took. */
  close(): void {
    clearImmediate(this.#refill);
    this.#free.length = 0;
    for (const slot of this.#slots.splice(0)) this.#directory.dropFiles(slot.files);
    for (const fifo of this.#fifos) fifo.close();
  }

  async #take(over: Promise<void> | undefined): Promise<TakenSlot | undefined> {
    this.#dropAfterRestart();
    const slot = this.#slots.shift();
    if (slot === undefined) return undefined;
    const state = await this.#stateOf(slot, over);
    if (state === 'pending') {
      this.#slots.unshift(slot);
      return undefined;
    }
    if (state === 'lost' || state === 'ended') {
      if (state === 'ended') this.#free.push(slot.fifo);
      this.#directory.dropFiles(slot.files);
      return undefined;
    }
    return this.#taken(slot);
  }

  #taken(slot: Slot): TakenSlot {
    const starts = this.#starts;
    let begun = false;
    return {
      files: slot.files,
      fifo: this.#fifos[slot.fifo]?.name ?? '',
      go: () => this.#fifos[slot.fifo]?.trySend(slot.files.name) ?? false,
      begun: () => {
        if (begun) return;
        begun = true;
        this.#free.push(slot.fifo);
        this.#prepare();
      },
      giveBack: () => {
        if (begun) return;
        begun = true;
        if (this.#directory.agentStarts() === starts) this.#slots.unshift(slot);
        else this.#directory.dropFiles(slot.files);
      },
    };
  }

  async #stateOf(
    slot: Slot,
    over: Promise<void> | undefined,
  ): Promise<'waiting' | 'pending' | 'ended' | 'lost'> {
    let deadline = performance.now() + (over === undefined ? WAIT_MS : LOST_MS);
    const wakeup = this.#directory.wakeup(slot.files, 'status');
    void over?.then(() => {
      deadline = 0;
      wakeup.notify();
    });
    for (;;) {
      const status = readStatus(slot.files.status);
      if (status.exitCode !== undefined || status.refused) return 'ended';
      if (status.lost) return 'lost';
      if (status.waitingPid !== undefined) {
        return status.onlyWaited && outputsOf(slot).every(isUntouched) ? 'waiting' : 'lost';
      }
      const now = performance.now();
      if (now - slot.askedAt > LOST_MS) return 'lost';
      if (now >= deadline) return 'pending';
      await wakeup.wait(deadline - now);
    }
  }

  /** Whatever killed the agent may have killed those who wait, too. */
  #dropAfterRestart(): void {
    const starts = this.#directory.agentStarts();
    if (starts === this.#starts) return;
    this.#starts = starts;
    for (const slot of this.#slots.splice(0)) this.#directory.dropFiles(slot.files);
  }

  /** Asks for one slot, unless many commands start at once: then the machine has enough to do. */
  #prepare(): void {
    if (this.#slots.length > 0 || this.#starting > 1) return;
    const fifo = this.#free.shift();
    const name = fifo === undefined ? undefined : this.#fifos[fifo]?.name;
    if (fifo === undefined || name === undefined) return;
    this.#count += 1;
    const files = this.#makeFiles();
    if (files === undefined) {
      this.#free.push(fifo);
    } else if (this.#directory.trySend(`slot ${files.name} ${printfMark(files.mark)} ${name}`)) {
      this.#slots.push({ files, fifo, askedAt: performance.now() });
    } else {
      this.#directory.dropFiles(files);
      this.#free.push(fifo);
    }
  }

  /** Undefined where there is no room: a command that finds none either says so. */
  #makeFiles(): CommandFiles | undefined {
    try {
      // With a dot: no command is called so.
      return this.#directory.makeFiles(`slot.${this.#count}`);
    } catch {
      return undefined;
    }
  }
}

function outputsOf({ files }: Slot): readonly OutputFile[] {
  return [files.stdout, files.stderr];
}

/**
 * Whether the command's output would come here, and nothing else is here. A file that something in
 * the container deleted between its making and the slot's start was made anew by the slot.
 */
function isUntouched(file: OutputFile): boolean {
  return file.size === 0 && !file.isDeleted;
}
