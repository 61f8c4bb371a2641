// A program of the simulated world: it runs in this process, and can be killed between any two of
// its steps. What it asks for after its death does not happen, and is never answered.
import { AsyncLocalStorage } from 'node:async_hooks';
import { closeSync } from 'node:fs';
import type { Random } from '@rivet/base';
import type { Event, SimulatedTime } from './simulated-time.ts';

const current = new AsyncLocalStorage<SimulatedProcess>();

/** What is thrown where a program dies in the middle of something that cannot wait. */
class Killed extends Error {
  constructor(name: string) {
    super(`${name} was killed`);
  }
}

export interface ProcessWorld {
  readonly time: SimulatedTime;
  /** Of ids and pauses, apart from the choices of the history. */
  readonly chance: Random;
  /** Turns of the real event loop that programs wait for. */
  readonly turns: { waiting: number };
}

export class SimulatedProcess {
  readonly name: string;
  readonly world: ProcessWorld;
  /** Descriptors that it has open. */
  readonly files = new Set<number>();
  /** How often a store of random bytes was filled for it. */
  refills = 0;
  readonly #onDeath: () => void;
  #isAlive = true;
  /** Steps until it dies; undefined: it lives. */
  #stepsLeft: number | undefined;
  readonly #events = new Set<Event>();

  constructor(name: string, world: ProcessWorld, onDeath: () => void) {
    this.name = name;
    this.world = world;
    this.#onDeath = onDeath;
  }

  /** The program whose code runs now; undefined: that of the simulation itself. */
  static get current(): SimulatedProcess | undefined {
    return current.getStore();
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  run<T>(work: () => T): T {
    return current.run(this, work);
  }

  /** Runs what belongs to no program. */
  static outside<T>(work: () => T): T {
    return current.exit(work);
  }

  /** It lives for so many steps more: each read and write, statement, request and answer is one. */
  dieAfter(steps: number): void {
    this.#stepsLeft = steps;
  }

  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    for (const event of this.#events) event.canceled = true;
    this.#events.clear();
    const files = [...this.files];
    this.files.clear();
    for (const file of files) SimulatedProcess.outside(() => closeSync(file));
    this.#onDeath();
  }

  /** It may die here. Whether it lives. */
  step(): boolean {
    if (this.#stepsLeft !== undefined && this.#isAlive) {
      this.#stepsLeft -= 1;
      if (this.#stepsLeft < 0) this.kill();
    }
    return this.#isAlive;
  }

  /** As `step`, for what is done at once. @throws when it is dead */
  stepOrThrow(): void {
    if (!this.step()) throw new Killed(this.name);
  }

  after(ms: number, happen: () => void): Event {
    const event = this.world.time.after(ms, () => {
      this.#events.delete(event);
      this.run(happen);
    });
    // What is dead waits for nothing.
    if (this.#isAlive) this.#events.add(event);
    else event.canceled = true;
    return event;
  }

  cancel(event: Event): void {
    event.canceled = true;
    this.#events.delete(event);
  }
}

/** What a dead program waits for. */
export function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}
