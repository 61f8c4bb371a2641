// Where claims begin to look, so that one never walks over what others have taken long ago: under
// an old snapshot, which a backup may hold for hours, PostgreSQL cannot forget those entries.
import { performance } from 'node:perf_hooks';
import { type ClaimedRow, type ClaimJobsRequest, claimJobs, type QueueMark } from './claim-jobs.ts';
import { earlier, launchedBefore } from './launch-bound.ts';
import { PipelineTurns, withoutFilled } from './pipeline-turns.ts';
import type { Queryable } from './statement.ts';

export type ClaimRequest = Omit<ClaimJobsRequest, 'marks' | 'turns'>;

/** The whole queue is looked at as often as this, in milliseconds. */
const WHOLE_EVERY_MS = 900;
/** Before that it is left alone for so many times as long as the last look took. */
const WHOLE_PAUSE = 4;
const GROUPS_MAX = 1000;
const PRIORITIES_MAX = 16;

/** What is known for runners with the same tags and pipelines. */
interface Group {
  /** By priority: nothing before it was left for them the last time. */
  readonly marks: Map<number, string>;
  readonly turns: PipelineTurns;
  wholeAtMs: number;
  wholeTookMs: number;
}

/**
 * Claims by looking from a mark on, and at the whole queue once a second or when that gave too
 * little. A mark is only a hint: what comes to lie before it (a job that is tried again, one whose
 * launch took long, one by a slow clock) is found by the next look at the whole queue.
 */
export class QueueSearch {
  readonly #groups = new Map<string, Group>();
  readonly #onMore: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param onMore there may be more than a claim gave: whoever has room may claim again */
  constructor(onMore: () => void) {
    this.#onMore = onMore;
  }

  /**
   * As `claimJobs`; pipelines that wait for the same runners take turns. What a first statement
   * gave is returned also when another one fails.
   */
  async claim(db: Queryable, request: ClaimRequest): Promise<ClaimedRow[]> {
    const group = this.#groupOf(request);
    const owed = await group.turns.claim(db, request);
    const rows =
      owed === undefined
        ? await this.#claimInOrder(db, request, group)
        : await claimRest(owed, request, (rest) => this.#claimInOrder(db, rest, group));
    group.turns.isBacklog = rows.length >= request.slots.length;
    return rows;
  }

  async #claimInOrder(db: Queryable, request: ClaimRequest, group: Group): Promise<ClaimedRow[]> {
    const sinceMs = performance.now() - group.wholeAtMs;
    if (group.marks.size === 0 || sinceMs >= WHOLE_EVERY_MS) return whole(db, request, group);
    const rows = await claimJobs(db, { ...request, marks: marksOf(group) });
    const last = rows.at(-1);
    if (last !== undefined) raise(group, last.priority, earlier(last.job_id, launchedBefore()));
    if (rows.length >= request.slots.length) return rows;
    const pauseMs = group.wholeAtMs + group.wholeTookMs * WHOLE_PAUSE - performance.now();
    if (pauseMs > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#onMore();
      }, pauseMs).unref();
      return rows;
    }
    // The first one gives jobs of one priority.
    return claimRest(rows, request, (rest) => whole(db, rest, group));
  }

  #groupOf({ fulfils, pipelines }: ClaimRequest): Group {
    const key = JSON.stringify([fulfils, pipelines]);
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.#groups.keys();
    if (this.#groups.size >= GROUPS_MAX && oldest !== undefined) this.#groups.delete(oldest);
    const group = { marks: new Map(), turns: new PipelineTurns(), wholeAtMs: 0, wholeTookMs: 0 };
    this.#groups.set(key, group);
    return group;
  }
}

/** Fills what is left, in a second statement. */
async function claimRest(
  rows: ClaimedRow[],
  request: ClaimRequest,
  claim: (rest: ClaimRequest) => Promise<ClaimedRow[]>,
): Promise<ClaimedRow[]> {
  if (rows.length >= request.slots.length) return rows;
  try {
    return [...rows, ...(await claim(withoutFilled(request, rows)))].sort(inOrder);
  } catch (error) {
    if (rows.length === 0) throw error;
    return rows;
  }
}

async function whole(db: Queryable, request: ClaimRequest, group: Group): Promise<ClaimedRow[]> {
  const { marks } = group;
  const startMs = performance.now();
  const before = launchedBefore();
  const rows = await claimJobs(db, request);
  group.wholeAtMs = performance.now();
  group.wholeTookMs = group.wholeAtMs - startMs;
  const last = rows.at(-1);
  if (last !== undefined) setMark(marks, last.priority, marks.get(last.priority) ?? '');
  const allTaken = rows.length < request.slots.length;
  for (const priority of marks.keys()) {
    // Nothing is left of the priorities above that of the last one.
    if (allTaken || last === undefined || priority > last.priority) marks.set(priority, before);
    else if (priority === last.priority) marks.set(priority, earlier(last.job_id, before));
  }
  return rows;
}

function marksOf({ marks }: Group): QueueMark[] {
  return [...marks]
    .map(([priority, from]) => ({ priority, from }))
    .sort((a, b) => b.priority - a.priority);
}

function raise({ marks }: Group, priority: number, from: string): void {
  const mark = marks.get(priority);
  if (mark === undefined || mark < from) setMark(marks, priority, from);
}

function setMark(marks: Map<number, string>, priority: number, from: string): void {
  marks.set(priority, from);
  const [oldest] = marks.keys();
  if (marks.size > PRIORITIES_MAX && oldest !== undefined) marks.delete(oldest);
}

function inOrder(a: ClaimedRow, b: ClaimedRow): number {
  return b.priority - a.priority || (a.job_id < b.job_id ? -1 : 1);
}
