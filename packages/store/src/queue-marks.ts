// Where claims for runners with the same tags and pipelines begin to look, by priority.
import type { ClaimedRow, QueueMark } from './claim-jobs.ts';
import { earlier } from './launch-bound.ts';

const PRIORITIES_MAX = 16;
/** So many claims begin behind the one before; the next one looks at what was launched since. */
const CLOSE_MAX = 16;

/** What a claim gave. */
export interface Taken {
  readonly rows: readonly ClaimedRow[];
  /** Whether it gave all that it was asked for. */
  readonly filled: boolean;
  /** `launchedBefore` when it began. */
  readonly before: string;
}

/** Marks that are hints: what comes to lie before them is left to looks at the whole queue. */
export class QueueMarks {
  /** Nothing was left before these, and only a job whose launch takes long appears there. */
  readonly #safe = new Map<number, string>();
  /**
   * What was taken last, while claims are filled. A safe mark stays behind all that was launched a
   * moment ago: under an old snapshot each claim would walk over what of it was taken.
   */
  readonly #close = new Map<number, string>();
  #closeCount = 0;

  /** Whether the whole queue was never looked at. */
  get isEmpty(): boolean {
    return this.#safe.size === 0;
  }

  /** Whether a claim from `list` on may leave out what was launched a moment ago. */
  get isClose(): boolean {
    return this.#close.size > 0;
  }

  /** Before which nothing was left. */
  listSafe(): QueueMark[] {
    return [...this.#safe].map(([priority, from]) => ({ priority, from }));
  }

  list(): QueueMark[] {
    return [...this.#safe]
      .map(([priority, from]) => ({ priority, from: this.#close.get(priority) ?? from }))
      .sort((a, b) => b.priority - a.priority);
  }

  /** After a claim from `list` on. */
  noteTaken(taken: Taken): void {
    const last = taken.rows.at(-1);
    if (!this.isClose && last !== undefined) {
      const from = earlier(last.job_id, taken.before);
      if ((this.#safe.get(last.priority) ?? '') < from) this.#setSafe(last.priority, from);
    }
    this.#noteClose(taken);
  }

  /** After a claim that looked at the whole queue. */
  noteWhole(taken: Taken): void {
    const { rows, filled, before } = taken;
    const last = rows.at(-1);
    if (last !== undefined) this.#setSafe(last.priority, this.#safe.get(last.priority) ?? '');
    for (const priority of this.#safe.keys()) {
      // Nothing is left of the priorities above that of the last one.
      if (!filled || last === undefined || priority > last.priority) {
        this.#safe.set(priority, before);
      } else if (priority === last.priority) {
        this.#safe.set(priority, earlier(last.job_id, before));
      }
    }
    this.#close.clear();
    this.#noteClose(taken);
  }

  #noteClose({ rows, filled }: Taken): void {
    const last = rows.at(-1);
    if (!this.isClose) this.#closeCount = 0;
    this.#closeCount += 1;
    if (!filled || last === undefined || this.#closeCount > CLOSE_MAX) this.#close.clear();
    else this.#close.set(last.priority, last.job_id);
  }

  #setSafe(priority: number, from: string): void {
    this.#safe.set(priority, from);
    const [oldest] = this.#safe.keys();
    if (this.#safe.size > PRIORITIES_MAX && oldest !== undefined) this.#safe.delete(oldest);
  }
}
