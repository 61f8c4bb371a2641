// Claims by turns, where jobs of several pipelines wait for the same runners.
import { performance } from 'node:perf_hooks';
import { type ClaimedRow, type ClaimJobsRequest, claimJobs } from './claim-jobs.ts';
import { FairShare } from './fair-share.ts';
import { earlier, launchedBefore } from './launch-bound.ts';
import type { Queryable } from './statement.ts';
import { listWaitingPipelines } from './waiting-pipelines.ts';

/** It is looked who waits as often as this, in milliseconds. */
const LOOK_EVERY_MS = 900;
/** And no more than this part of the time is spent on it. */
const LOOK_PAUSE = 50;
/** With more pipelines of all priorities the order of launches counts. */
const PIPELINES_MAX = 1000;
/** Statements of one claim; what is left then is given by the order of launches. */
const STATEMENTS_MAX = 4;

/**
 * Of runners with the same tags and pipelines. Claims of theirs come one after the other; each
 * orchestrator gives turns by itself, so that all of them together do.
 */
export class PipelineTurns {
  /** By priority. */
  #shares = new Map<number, FairShare>();
  /** All that wait have ids as great as this one. */
  #from = '';
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #lookTookMs = 0;
  #isBacklog = false;

  /** Whether the last claim left jobs behind: else there is nothing to share out. */
  set isBacklog(is: boolean) {
    this.#isBacklog = is;
  }

  /**
   * Claims what pipelines are owed, and before that what has a higher priority. May give less than
   * there is. Undefined: nobody has to share, and nothing was claimed or stored.
   */
  async claim(db: Queryable, request: ClaimJobsRequest): Promise<ClaimedRow[] | undefined> {
    if (!this.#isBacklog) return undefined;
    await this.#look(db, request);
    let rows: ClaimedRow[] | undefined;
    let left = request;
    for (let count = 0; count < STATEMENTS_MAX; count += 1) {
      const found = this.#contended();
      if (found === undefined) return rows;
      try {
        const more = await this.#claimTurns(db, left, ...found);
        rows = [...(rows ?? []), ...more];
      } catch (error) {
        if (rows === undefined) throw error;
        return rows;
      }
      if (rows.length >= request.slots.length) return rows;
      left = withoutFilled(request, rows);
    }
    return rows;
  }

  /** The highest priority of which several pipelines wait. */
  #contended(): [priority: number, share: FairShare] | undefined {
    return [...this.#shares].find(([, share]) => share.isContended);
  }

  async #look(db: Queryable, { fulfils, pipelines }: ClaimJobsRequest): Promise<void> {
    const pauseMs = Math.max(LOOK_EVERY_MS, this.#lookTookMs * LOOK_PAUSE);
    const startMs = performance.now();
    if (startMs - this.#lookedAtMs < pauseMs) return;
    const waiting = await listWaitingPipelines(db, { fulfils, pipelines, max: PIPELINES_MAX });
    this.#lookedAtMs = performance.now();
    this.#lookTookMs = this.#lookedAtMs - startMs;
    this.#from = waiting.map(({ first }) => first).toSorted()[0] ?? '';
    // In the order of the rows: by falling priority.
    const shares = Map.groupBy(waiting, ({ priority }) => priority);
    this.#shares = new Map(
      [...shares].map(([priority, contenders]) => {
        const share = this.#shares.get(priority) ?? new FairShare();
        share.setContenders(contenders);
        return [priority, share];
      }),
    );
  }

  /** Fewer than there are slots: then somebody has no jobs any more, and gets no turns. */
  async #claimTurns(
    db: Queryable,
    request: ClaimJobsRequest,
    priority: number,
    share: FairShare,
  ): Promise<ClaimedRow[]> {
    const turns = share.next(request.slots.length);
    const before = launchedBefore();
    const rows = await claimJobs(db, { ...request, turns: { priority, from: this.#from, turns } });
    const taken = rows.filter((row) => row.priority === priority);
    const byName = Map.groupBy(taken, (row) => row.pipeline_name);
    share.take(new Map([...byName].map(([name, { length }]) => [name, length])));
    for (const [name, own] of byName) {
      const last = own
        .map(({ job_id }) => job_id)
        .toSorted()
        .at(-1);
      if (last !== undefined) share.advance(name, earlier(last, before));
    }
    if (rows.length >= request.slots.length) return rows;
    for (const { name, count } of turns) {
      if ((byName.get(name)?.length ?? 0) < count) share.drop(name);
    }
    return rows;
  }
}

/** What is left to claim; reports are stored by now. */
export function withoutFilled(
  request: ClaimJobsRequest,
  rows: readonly ClaimedRow[],
): ClaimJobsRequest {
  const filled = new Set(rows.map((row) => row.lease_id));
  const slots = request.slots.filter(({ leaseId }) => !filled.has(leaseId));
  return { ...request, slots, reports: undefined };
}
