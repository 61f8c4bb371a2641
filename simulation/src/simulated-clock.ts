// The clock of a simulated world as the database reads it: the length of a file, in milliseconds
// since the clock was made. To ask for a length takes half as long as to read what a file says.
import { closeSync, ftruncateSync, openSync } from 'node:fs';

export class SimulatedClock {
  readonly path: string;
  /** Milliseconds since 1970 at which the file is empty. */
  readonly beganMs: number;
  readonly #file: number;
  #nowMs: number;

  /** @param path of the file; in a directory that the database may look into */
  constructor(path: string) {
    this.path = path;
    this.beganMs = Date.now();
    this.#nowMs = this.beganMs;
    this.#file = openSync(path, 'w');
  }

  /** @param nowMs milliseconds since 1970, not before the clock was made */
  set(nowMs: number): void {
    if (nowMs === this.#nowMs) return;
    this.#nowMs = nowMs;
    ftruncateSync(this.#file, nowMs - this.beganMs);
  }

  close(): void {
    closeSync(this.#file);
  }
}
