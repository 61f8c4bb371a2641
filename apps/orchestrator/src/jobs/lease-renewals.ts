// Renews leases for runners whose reports take long. What is asked while one statement is under way
// is in the next one, so that many runners in trouble take no more than one connection.
import { RivetError } from '@rivet/base';
import { type AttemptLease, LEASES_MAX, type ReportResponse } from '@rivet/protocol';
import { type Database, type LeaseInUse, type RenewedLease, renewLeases } from '@rivet/store';
import type { DatabaseWatch } from '../database-watch.ts';
import { findHeldJob } from './held-lease.ts';

export interface LeaseRenewalServices {
  readonly database: Database;
  /** For the renewals: its connections are not taken by what is slow. */
  readonly reserved: Database;
  readonly databaseWatch: Pick<DatabaseWatch, 'answered'>;
  readonly leaseSeconds: number;
}

interface Waiting extends LeaseInUse {
  readonly resolve: (renewed: RenewedLease | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export class LeaseRenewals {
  readonly #services: LeaseRenewalServices;
  #waiting: Waiting[] = [];
  #renewing: Promise<void> | undefined;

  constructor(services: LeaseRenewalServices) {
    this.#services = services;
  }

  /**
   * Renews the lease of an attempt of the runner; the answer is that of a report.
   * @throws RIVET_JOB_NOT_FOUND also for a job that another runner has, RIVET_LEASE_LOST,
   *   RIVET_LEASE_BUSY, RIVET_DATABASE_UNREACHABLE, RIVET_DATABASE_FULL
   */
  async renew(runnerId: string, held: AttemptLease): Promise<ReportResponse> {
    const { databaseWatch, leaseSeconds } = this.#services;
    const { job_id: jobId, attempt, lease_id: leaseId } = held;
    const lease = { jobId, attempt, runnerId, leaseId };
    const renewed = await databaseWatch.answered(this.#renewed(lease));
    return { lease_seconds: leaseSeconds, cancel: renewed.cancel_requested };
  }

  async #renewed(lease: LeaseInUse): Promise<RenewedLease> {
    const found = await this.#ask(lease);
    if (found?.renewed === true) return found;
    const { jobId: id, attempt, runnerId } = lease;
    if (found === undefined) await findHeldJob(this.#services.database, runnerId, lease);
    throw RivetError.of('RIVET_LEASE_BUSY', { id, attempt });
  }

  #ask(lease: LeaseInUse): Promise<RenewedLease | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...lease, resolve, reject });
      this.#renewing ??= this.#renewAll();
    });
  }

  async #renewAll(): Promise<void> {
    // Those that are asked for in the same turn belong together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) await this.#renewNext(this.#waiting.splice(0, LEASES_MAX));
    this.#renewing = undefined;
  }

  /** Never throws. */
  async #renewNext(batch: readonly Waiting[]): Promise<void> {
    const { reserved, leaseSeconds } = this.#services;
    try {
      const renewed = await renewLeases(reserved, batch, leaseSeconds);
      const byPlace = new Map(renewed.map((lease) => [lease.place, lease]));
      for (const [index, { resolve }] of batch.entries()) resolve(byPlace.get(index + 1));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
