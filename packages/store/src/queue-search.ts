// Where claims begin to look, so that one never walks over what others have taken long ago: under
// an old snapshot, which a backup may hold for hours, PostgreSQL cannot forget those entries.
import { performance } from 'node:perf_hooks';
import { type ClaimedRow, type ClaimJobsRequest, claimJobs } from './claim-jobs.ts';
import { hasLateJobs } from './late-jobs.ts';
import { launchedBefore } from './launch-bound.ts';
import { PipelineTurns, withoutFilled } from './pipeline-turns.ts';
import { QueueMarks } from './queue-marks.ts';
import type { Queryable } from './statement.ts';

export type ClaimRequest = Omit<ClaimJobsRequest, 'marks' | 'turns'>;

/** The whole queue is looked at as often as this, in milliseconds. */
const WHOLE_EVERY_MS = 900;
/**
 * Under an old snapshot it takes long, and no more than this part of the time is spent on what it
 * takes longer than a claim from marks on: where it finds something, and where nobody knows.
 */
const WHOLE_SHARE_MAX = { late: 1 / 20, unknown: 1 / 100 };
/** In between it is asked as often as this whether it would find something, in milliseconds. */
const LATE_EVERY_MS = 900;
/** Before that nobody asks for so many times as long as it took the last time. */
const LATE_PAUSE = 50;
/** Before that it is left alone for so many times as long as the last look took. */
const WHOLE_PAUSE = 4;
const GROUPS_MAX = 1000;

/** What is known for runners with the same tags and pipelines. */
interface Group {
  readonly marks: QueueMarks;
  readonly turns: PipelineTurns;
  wholeAtMs: number;
  wholeTookMs: number;
  /** By how much the last two looks at the whole queue took longer than a claim from marks on. */
  wholeExtraMs: readonly [number, number];
  fromMarksTookMs: number;
  lateAtMs: number;
  lateTookMs: number;
}

/**
 * Claims by looking from a mark on, and at the whole queue once a second, where that takes long
 * only when something lies before the marks, or when a mark gave too little. A mark is only a hint:
 * what comes to lie before it (a job that is tried again, one whose launch took long, one by a slow
 * clock) is found by the next look at the whole queue.
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
    const { marks, wholeAtMs, wholeTookMs } = group;
    if (marks.isEmpty || (await isWholeDue(db, request, group))) return whole(db, request, group);
    const startMs = performance.now();
    const { isClose } = marks;
    const before = launchedBefore();
    const rows = await claimJobs(db, { ...request, marks: marks.list() });
    group.fromMarksTookMs = performance.now() - startMs;
    const filled = rows.length >= request.slots.length;
    marks.noteTaken({ rows, filled, before });
    if (filled) return rows;
    // It may have left out what was launched a moment ago.
    if (isClose) return claimRest(rows, request, (rest) => this.#claimInOrder(db, rest, group));
    const pauseMs = wholeAtMs + wholeTookMs * WHOLE_PAUSE - performance.now();
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
    const group = {
      ...{ marks: new QueueMarks(), turns: new PipelineTurns(), fromMarksTookMs: 0 },
      ...{ wholeAtMs: 0, wholeTookMs: 0, wholeExtraMs: [0, 0] as const },
      ...{ lateAtMs: 0, lateTookMs: 0 },
    };
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

/** Whether it is time to look at the whole queue: where that takes long, only if it helps. */
async function isWholeDue(db: Queryable, request: ClaimRequest, group: Group): Promise<boolean> {
  const startMs = performance.now();
  const sinceMs = startMs - group.wholeAtMs;
  // The smaller one: the machine may have been busy with something else.
  const extraMs = Math.min(...group.wholeExtraMs);
  if (sinceMs < Math.max(WHOLE_EVERY_MS, extraMs / WHOLE_SHARE_MAX.late)) return false;
  if (sinceMs >= extraMs / WHOLE_SHARE_MAX.unknown) return true;
  const pauseMs = Math.max(LATE_EVERY_MS, group.lateTookMs * LATE_PAUSE);
  if (startMs - group.lateAtMs < pauseMs) return false;
  const { fulfils, pipelines } = request;
  const isLate = await hasLateJobs(db, { fulfils, pipelines, marks: group.marks.listSafe() });
  group.lateAtMs = performance.now();
  group.lateTookMs = group.lateAtMs - startMs;
  return isLate;
}

async function whole(db: Queryable, request: ClaimRequest, group: Group): Promise<ClaimedRow[]> {
  const startMs = performance.now();
  const before = launchedBefore();
  const rows = await claimJobs(db, request);
  group.wholeAtMs = performance.now();
  group.wholeTookMs = group.wholeAtMs - startMs;
  const extraMs = Math.max(0, group.wholeTookMs - group.fromMarksTookMs);
  group.wholeExtraMs = [group.wholeExtraMs[1], extraMs];
  group.marks.noteWhole({ rows, filled: rows.length >= request.slots.length, before });
  return rows;
}

function inOrder(a: ClaimedRow, b: ClaimedRow): number {
  return b.priority - a.priority || (a.job_id < b.job_id ? -1 : 1);
}
