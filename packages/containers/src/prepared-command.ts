// A command that waits in a slot for the one before it to end with exit code 0. The shell that
// supervises that one tells the slot; the runner tells it where the shell had not heard of it yet.
import { createHash } from 'node:crypto';
import type { Asked, CommandFollower, Successor } from './command-follower.ts';
import type { PreparedRecord } from './command-record.ts';
import type { TakenSlot } from './command-slots.ts';
import type { NextCommand, RunningCommand } from './driver.ts';
import type { Status } from './status-file.ts';

/** Tells a command from every other. */
export function digestOf({ request, command }: Pick<Asked, 'request' | 'command'>): string {
  const hash = createHash('sha256').update(request);
  // No request has a NUL.
  if (command.stdin !== undefined) hash.update('\0').update(command.stdin);
  return hash.digest('hex');
}

/**
 * Makes a command ready to begin after `before`; undefined where that is impossible, and nothing
 * is left of it then.
 * @param begin follows it from when it was told, by its shell or by nobody yet
 */
export async function prepareAfter(
  before: CommandFollower,
  asked: Asked,
  begin: (slot: TakenSlot) => RunningCommand,
): Promise<NextCommand | undefined> {
  // A slot may be had again only when it has begun.
  await before.started;
  if (!before.mayBeFollowed) return undefined;
  const slot = await asked.control.takeSlot(before.over);
  if (slot === undefined) return undefined;
  if (!before.mayBeFollowed) {
    slot.giveBack();
    return undefined;
  }
  const prepared = new PreparedCommand(asked, before, slot, begin);
  try {
    prepared.write();
  } catch {
    // `run` says why, if it cannot either.
    prepared.drop();
    return undefined;
  }
  before.followedBy(prepared);
  return prepared;
}

class PreparedCommand implements NextCommand, Successor {
  readonly begun: Promise<RunningCommand | undefined>;
  readonly #asked: Asked;
  readonly #before: CommandFollower;
  readonly #slot: TakenSlot;
  readonly #begin: (slot: TakenSlot) => RunningCommand;
  readonly #settled = Promise.withResolvers<RunningCommand | undefined>();
  #isWithdrawn = false;
  /** Whether it is certain that it never begins. */
  #isOff = false;
  #isSettled = false;

  constructor(
    asked: Asked,
    before: CommandFollower,
    slot: TakenSlot,
    begin: (slot: TakenSlot) => RunningCommand,
  ) {
    this.#asked = asked;
    this.#before = before;
    this.#slot = slot;
    this.#begin = begin;
    this.begun = this.#settled.promise;
  }

  /** Writes all that it begins from; what has it begin comes last. */
  write(): void {
    const { control, command, request } = this.#asked;
    const { files, fifo } = this.#slot;
    if (command.keep === true) {
      const prepared: PreparedRecord = { after: this.#before.name, digest: digestOf(this.#asked) };
      control.keepRecord(command.id, files, fifo, prepared);
    }
    control.writeRequest(files.name, request, command.stdin);
    control.writeNext(this.#before.name, this.#slot);
  }

  withdraw(): void {
    if (this.#isWithdrawn || this.#isSettled) return;
    this.#isWithdrawn = true;
    const { control, command, request } = this.#asked;
    const { name } = this.#slot.files;
    control.withdrawNext(this.#before.name);
    if (this.#before.saysNext(name)) return;
    control.dropRequest(name, command.stdin !== undefined);
    // The shell says so before it tells the slot, which would find nothing to become.
    if (!this.#before.saysNext(name)) {
      this.#isOff = true;
      this.#dropFiles();
      this.#settled.resolve(undefined);
      return;
    }
    try {
      control.rewriteRequest(name, request, command.stdin);
    } catch {
      // The slot ends, and the command is started like any other.
    }
  }

  settle(end: Status | undefined): boolean {
    if (this.#isSettled) return false;
    // Where nobody knows of the end its shell may still look.
    if (end === undefined) this.withdraw();
    else this.#asked.control.dropNext(this.#before.name);
    this.#isSettled = true;
    const begins = end !== undefined && !this.#isOff && this.#begins(end);
    if (!begins) this.drop();
    this.#settled.resolve(begins ? this.#begin(this.#slot) : undefined);
    return begins;
  }

  /** Whether it has begun with this end, or does now. */
  #begins(end: Status): boolean {
    if (end.exitCode !== 0) return false;
    return end.next === this.#slot.files.name || (!this.#isWithdrawn && this.#slot.go());
  }

  /** Leaves nothing of it, where nobody will tell its slot. */
  drop(): void {
    // The same call may have another command by now.
    if (!this.#isOff) this.#dropFiles();
    this.#slot.giveBack();
  }

  #dropFiles(): void {
    const { control, command } = this.#asked;
    control.dropRequest(this.#slot.files.name, command.stdin !== undefined);
    if (command.keep === true) control.dropRecord(command.id);
  }
}
