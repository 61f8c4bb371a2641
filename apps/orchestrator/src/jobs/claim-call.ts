// One call of a runner that asks for jobs: what it is answered, and that nothing is lost when
// nobody reads the answer. Thousands wait, so each is one small object.
import type { ServerResponse } from 'node:http';
import type { ClaimResponse } from '@rivet/protocol';
import type { ClaimedRow } from '@rivet/store';
import { LaterAnswer } from '../http/handler.ts';
import type { Services } from '../services.ts';
import type { Claimant, Waiter } from './claim-poll.ts';
import { presentClaimed } from './claimed-jobs.ts';

/** What decides how a call is answered, besides its jobs. */
interface ClaimTerms {
  readonly runnerId: string;
  /** Digests of the files that need not be sent. */
  readonly knownBundles: readonly string[] | undefined;
}

export class ClaimCall extends LaterAnswer<ClaimResponse> implements Claimant {
  gone = false;
  waiter: Waiter | undefined;
  /** Whether the runner should change its token. */
  changeToken = false;
  /** Whether the runner should end when it runs nothing. */
  drain = false;
  readonly #services: Services;
  readonly #terms: ClaimTerms;
  #rows: readonly ClaimedRow[] = [];

  /** To be made before anything is awaited: who is gone then is not told any more. */
  constructor(services: Services, terms: ClaimTerms, response: ServerResponse) {
    super();
    this.#services = services;
    this.#terms = terms;
    response.on('close', () => this.#leave(response.writableFinished));
  }

  given(rows: ClaimedRow[]): void {
    if (this.gone) void this.#services.dispatcher.undo(rows);
    this.#rows = rows;
    this.settle(this.gone ? noJobs : () => this.#present(rows));
  }

  failed(error: unknown): void {
    this.settle(() => Promise.reject(error));
  }

  /** The runner is gone, or the answer could not be written: it will not know of these jobs. */
  #leave(written: boolean): void {
    this.gone = true;
    this.waiter?.settle([]);
    if (!written && this.#rows.length > 0) void this.#services.dispatcher.undo(this.#rows);
  }

  async #present(rows: readonly ClaimedRow[]): Promise<ClaimResponse> {
    const { knownRunners, metrics, notifier, dispatcher } = this.#services;
    const { runnerId, knownBundles } = this.#terms;
    knownRunners.gave(runnerId, rows.length);
    metrics.claimed(rows.length);
    // Those who follow these jobs are told after the runner, for which it is a moment less.
    setImmediate(() => {
      for (const row of rows) notifier.jobChanged(row.job_id);
    });
    try {
      const jobs = await presentClaimed(this.#services, rows, knownBundles);
      return {
        jobs,
        ...(this.changeToken && { change_token: true }),
        ...(this.drain && { drain: true }),
      };
    } catch (error) {
      // Its answer will not have them.
      void dispatcher.undo(rows);
      throw error;
    }
  }
}

async function noJobs(): Promise<ClaimResponse> {
  return { jobs: [] };
}
