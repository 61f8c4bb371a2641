// While the database has no room for what runners report, their leases are not renewed either. They
// are told that nobody can take their jobs meanwhile, and this makes it true.
import { isRivetError } from '@rivet/base';
import { type Database, doubtLeases } from '@rivet/store';

export class DoubtedLeases {
  readonly #database: Database;
  readonly #everyMs: number;
  #notedAt = Number.NEGATIVE_INFINITY;

  /** @param leaseSeconds of which a part may pass between two notes in the database */
  constructor(database: Database, leaseSeconds: number) {
    this.#database = database;
    this.#everyMs = leaseSeconds * 100;
  }

  /** Told each error that a report is answered with. Keeps nobody waiting. */
  refused(error: unknown): void {
    if (!isRivetError(error) || error.code !== 'RIVET_DATABASE_FULL') return;
    const now = performance.now();
    if (now - this.#notedAt < this.#everyMs) return;
    this.#notedAt = now;
    doubtLeases(this.#database).catch(() => {
      this.#notedAt = Number.NEGATIVE_INFINITY;
    });
  }
}
