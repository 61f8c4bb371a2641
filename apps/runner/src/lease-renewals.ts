// Renews leases apart from reports where those take long: a large log on a slow way, or behind
// others, must not cost a job its lease.
import { toRivetError } from '@rivet/base';
import { type JobReportResult, LEASES_MAX, receivedError } from '@rivet/protocol';
import type { Clock } from './clock.ts';
import type { Lease } from './lease.ts';
import { isUndecided, refusalOf } from './server-answer.ts';
import type { ServerApi } from './server-api.ts';

/** Part of its length after which a lease is renewed here. Heartbeats of reports come sooner. */
const SILENT_PART = 0.3;
/** The same until it is asked for again: no request waits for the answer to another. */
const AGAIN_PART = 0.1;
/** A later answer renews nothing, as in lease.ts. */
const ANSWER_PART = 0.75;
/** Between two looks at the leases, in milliseconds: those that are due by then go together. */
const LOOK_MS_MIN = 250;
const LOOK_MS_MAX = 10_000;

export interface LeaseRenewalsOptions {
  readonly api: Pick<ServerApi, 'renewLeases'>;
  readonly clock: Clock;
  /** How long a server without its database keeps leases, in milliseconds. */
  readonly outageMsMax: number;
  /** Aborts when the runner leaves. */
  readonly abandon: AbortSignal;
}

/** The lease of an attempt, and who hears what the server says about it. */
export interface RenewableLease {
  readonly job: string;
  readonly attempt: number;
  readonly leaseId: string;
  readonly lease: Lease;
  /** Somebody asked to cancel the job; may be called again. */
  readonly onCancel: () => void;
  /** The server says that the attempt is no longer ours; may be called again. */
  readonly onLost: () => void;
}

/**
 * The leases of a runner. Where the server does not know this, or does not answer, nothing is lost
 * by it: reports renew leases as well.
 */
export class LeaseRenewals {
  readonly #options: LeaseRenewalsOptions;
  /** With when each was asked for last. */
  readonly #held = new Map<RenewableLease, number>();
  #timer: NodeJS.Timeout | undefined;
  /** When that is. */
  #lookAt = Number.POSITIVE_INFINITY;

  constructor(options: LeaseRenewalsOptions) {
    this.#options = options;
  }

  /** Looks after a lease until what it returns is called. */
  hold(lease: RenewableLease): () => void {
    this.#held.set(lease, Number.NEGATIVE_INFINITY);
    this.#watch();
    return () => void this.#held.delete(lease);
  }

  #watch(): void {
    if (this.#held.size === 0) return;
    const dueMs = Math.min(...[...this.#held.keys()].map((lease) => this.#untilDueMs(lease)));
    const lookMs = Math.min(LOOK_MS_MAX, Math.max(LOOK_MS_MIN, dueMs));
    const lookAt = this.#options.clock() + lookMs;
    // Never later: jobs that begin all the time would put it off for ever.
    if (lookAt >= this.#lookAt) return;
    clearTimeout(this.#timer);
    this.#lookAt = lookAt;
    this.#timer = setTimeout(() => this.#look(), lookMs).unref();
  }

  #look(): void {
    this.#lookAt = Number.POSITIVE_INFINITY;
    const due = [...this.#held.keys()].filter((lease) => this.#untilDueMs(lease) <= 0);
    for (let from = 0; from < due.length; from += LEASES_MAX) {
      void this.#renew(due.slice(from, from + LEASES_MAX));
    }
    this.#watch();
  }

  #untilDueMs(held: RenewableLease): number {
    const { lease } = held;
    if (lease.expired.aborted) return Number.POSITIVE_INFINITY;
    const sinceAskedMs = this.#options.clock() - (this.#held.get(held) ?? Number.NEGATIVE_INFINITY);
    const silentMs = lease.lengthMs * SILENT_PART - lease.silenceMs;
    return Math.max(silentMs, lease.lengthMs * AGAIN_PART - sinceAskedMs);
  }

  /** Never throws. */
  async #renew(leases: readonly RenewableLease[]): Promise<void> {
    const { api, clock, abandon: signal } = this.#options;
    const sentAt = clock();
    for (const lease of leases) this.#held.set(lease, sentAt);
    const timeoutMs = ANSWER_PART * Math.min(...leases.map(({ lease }) => lease.lengthMs));
    const asked = leases.map(({ job, attempt, leaseId }) => ({
      ...{ job_id: job, attempt, lease_id: leaseId },
    }));
    try {
      const { results } = await api.renewLeases({ leases: asked }, { timeoutMs, signal });
      for (const [index, lease] of leases.entries()) this.#hear(lease, results[index], sentAt);
    } catch (thrown) {
      for (const lease of leases) this.#refused(lease, thrown, sentAt);
    }
  }

  #hear(held: RenewableLease, result: JobReportResult | undefined, sentAt: number): void {
    if (result === undefined) return;
    if ('problem' in result) {
      this.#refused(held, receivedError(result.problem), sentAt);
      return;
    }
    held.lease.renew(result.lease_seconds, sentAt);
    if (result.cancel && this.#held.has(held)) held.onCancel();
  }

  #refused(held: RenewableLease, thrown: unknown, sentAt: number): void {
    const error = toRivetError(thrown);
    if (isUndecided(error)) held.lease.keep(sentAt, this.#options.outageMsMax);
    if (refusalOf(error) === 'lost' && this.#held.has(held)) held.onLost();
  }
}
