// Tells those who follow files of a directory that something was written to them: when the kernel
// says so or, where that would wake this process for nothing all the time, by looking.
import { watch } from 'node:fs';
import type { Wakeup } from '@rivet/base';
import { ReadTurns } from './read-turns.ts';
import { type Followed, WatchedFile } from './watched-file.ts';

/** More writes within such a time that nobody had to hear of are too many. */
const WASTED_MAX = 20;
const WASTED_WITHIN_MS = 1000;
/** After more looks in a row that found nothing the kernel tells again. */
const QUIET_LOOKS_MAX = 8;

/** Begins to tell of writes to the files of a directory, by name; undefined where it cannot. */
export type StartWatch = (
  path: string,
  onWrite: (name: string) => void,
) => { close(): void } | undefined;

/** Of all containers of this process. */
const commonTurns = new ReadTurns();

export class WriteWatch {
  readonly #path: () => string;
  readonly #turns: ReadTurns;
  readonly #start: StartWatch;
  readonly #files = new Map<string, WatchedFile>();
  readonly #look = (): void => this.#lookAtAll();
  #watcher: { close(): void } | undefined;
  #isLooking = false;
  #quietLooks = 0;
  #wasted = 0;
  #wastedSince = Number.NEGATIVE_INFINITY;

  /** @param path where the directory is now: it may be renamed */
  constructor(path: () => string, turns: ReadTurns = commonTurns, start: StartWatch = startWatch) {
    this.#path = path;
    this.#turns = turns;
    this.#start = start;
    this.#listen();
  }

  /**
   * Is told when that file was written to; a slow poll must stand behind it.
   * @param isOutput whether it is told in turns, where many outputs are followed
   */
  wakeup(name: string, file: Followed, isOutput: boolean): Wakeup {
    const known = this.#files.get(name);
    if (known !== undefined) return known.wakeup;
    this.#stopLooking();
    const watched = new WatchedFile(file, isOutput ? this.#turns : undefined);
    this.#files.set(name, watched);
    return watched.wakeup;
  }

  /** From now on each write to those files is told at once: their end is waited for. */
  hurry(names: readonly string[]): void {
    for (const name of names) this.#files.get(name)?.hurry();
    this.#stopLooking();
  }

  forget(name: string): void {
    this.#files.get(name)?.close();
    if (this.#files.delete(name)) this.#stopLooking();
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
    this.#isLooking = false;
    this.#turns.giveUp(this.#look);
    this.#stopListening();
  }

  #listen(): void {
    this.#watcher = this.#start(this.#path(), (name) => {
      if (this.#files.get(name)?.written() === false) this.#noteWaste();
    });
  }

  #stopListening(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #noteWaste(): void {
    const now = performance.now();
    if (now - this.#wastedSince > WASTED_WITHIN_MS) {
      this.#wastedSince = now;
      this.#wasted = 0;
    }
    this.#wasted += 1;
    if (this.#wasted > WASTED_MAX) this.#startLooking();
  }

  #startLooking(): void {
    this.#stopListening();
    this.#wasted = 0;
    this.#quietLooks = 0;
    this.#isLooking = true;
    this.#turns.wait(this.#look, this.#turns.gapMs);
  }

  /** Also when a command begins or ends: whoever waits for that is to hear of it at once. */
  #stopLooking(): void {
    if (!this.#isLooking) return;
    this.#isLooking = false;
    this.#turns.giveUp(this.#look);
    this.#listen();
    // What was written before it listened.
    for (const file of this.#files.values()) file.look();
  }

  #lookAtAll(): void {
    let found = false;
    for (const file of this.#files.values()) found = file.look() || found;
    this.#quietLooks = found ? 0 : this.#quietLooks + 1;
    const { gapMs } = this.#turns;
    if (gapMs === 0 || this.#quietLooks > QUIET_LOOKS_MAX) this.#stopLooking();
    else this.#turns.wait(this.#look, gapMs);
  }
}

/** What cannot be watched is polled by those who follow it. */
function startWatch(path: string, onWrite: (name: string) => void): ReturnType<StartWatch> {
  try {
    const watcher = watch(path, (_, name) => {
      if (name !== null) onWrite(name);
    });
    return watcher.on('error', () => undefined);
  } catch {
    return undefined;
  }
}
