// The server of a simulation: the real code that claims, stores reports, lets runners in and ends
// leases, on a real database whose answers can be lost.
import { createSecretKey, randomBytes } from 'node:crypto';
import { RivetError, silentLogger } from '@rivet/base';
import type {
  ConnectRequest,
  ConnectResponse,
  LogLine,
  ReportRequest,
  ReportResponse,
} from '@rivet/protocol';
import {
  type ClaimedRow,
  type Database,
  fulfilledTags,
  lockJob,
  type Notifier,
  type Queryable,
  readLog,
} from '@rivet/store';
import {
  insertSimulatedRunner,
  launchSimulatedJob,
  passSimulatedTime,
  readCurrentAttempt,
  readSimulatedJobs,
  type SimulatedJob,
} from '@rivet/testing';
import { expireOnce } from '../duties/expire-leases.ts';
import { ClaimDispatcher } from '../jobs/claim-dispatcher.ts';
import type { Claimant } from '../jobs/claim-poll.ts';
import { ReportBatcher } from '../jobs/report-batcher.ts';
import { cancel, hasEnded } from '../jobs/transitions.ts';
import { createVersionCache } from '../jobs/version-cache.ts';
import { createMetrics } from '../metrics.ts';
import { type ConnectServices, connect } from '../runners/connect.ts';
import type { RunnerTerms } from '../runners/known-runners.ts';
import { seedPipeline } from '../test-orchestrator.ts';
import type { Mutation } from './mutations.ts';

export const LEASE_SECONDS = 15;
/** Attempts of a job that its pipeline allows besides the first. */
export const RETRIES = 2;

/** What becomes of a statement or a transaction: nobody may learn that it was done. */
export type Fate = 'done' | 'not done' | 'done, and nobody learns of it';

type Statement = Parameters<Queryable['query']>[0];

const quiet: Notifier = {
  queueChanged: () => undefined,
  jobChanged: () => undefined,
  runnerChanged: () => undefined,
  listening: () => undefined,
  heard: () => undefined,
  close: async () => undefined,
};

export class SimulatedServer {
  /** Decides what becomes of what the server asks of its database. */
  fate: () => Fate = () => 'done';
  readonly #database: Database;
  readonly #faulty: Database;
  readonly #mutation: Mutation | undefined;
  readonly #pipelineName: string;
  readonly #reports: ReportBatcher;
  readonly #dispatcher: ClaimDispatcher;
  readonly #connecting: ConnectServices;
  #taken = 0;

  private constructor(database: Database, pipelineName: string, mutation: Mutation | undefined) {
    this.#database = database;
    this.#mutation = mutation;
    this.#pipelineName = pipelineName;
    this.#faulty = this.#withFaults(database);
    const versions = createVersionCache();
    const shared = {
      database: this.#faulty,
      reserved: this.#faulty,
      notifier: quiet,
      metrics: createMetrics(),
      versions,
      leaseSeconds: LEASE_SECONDS,
    };
    this.#reports = new ReportBatcher({
      ...shared,
      databaseWatch: { answered: (asked) => asked },
      onEnd: () => undefined,
      logBytesMax: 1024 * 1024,
      batching: true,
    });
    this.#dispatcher = new ClaimDispatcher({
      database: this.#faulty,
      leaseSeconds: LEASE_SECONDS,
      // Told by nobody: every poll looks for itself.
      woken: false,
      logger: silentLogger,
      onUndone: () => undefined,
    });
    const key = createSecretKey(randomBytes(32));
    const sealer = { mac: () => key } as unknown as ConnectServices['sealer'];
    this.#connecting = { ...shared, sealer };
  }

  /** @param mutation a mistake that this server makes */
  static async start(database: Database, mutation?: Mutation): Promise<SimulatedServer> {
    const pipelineName = await seedPipeline(database, {
      retry: { max: RETRIES, on: ['runner_lost', 'infrastructure'] },
    });
    return new SimulatedServer(database, pipelineName, mutation);
  }

  async close(): Promise<void> {
    this.#dispatcher.stopServing();
    await this.#dispatcher.close();
    await this.#reports.close();
  }

  /** A runner that only gets jobs of this server's pipeline. Its id. */
  addRunner(name: string): Promise<string> {
    return insertSimulatedRunner(this.#database, name);
  }

  launch(): Promise<string> {
    return launchSimulatedJob(this.#database, this.#pipelineName);
  }

  /** @param repeat whether a request with this id may have come before */
  async claim(
    runnerId: string,
    request: { readonly id: string; readonly repeat: boolean; readonly capacity: number },
  ): Promise<ClaimedRow[]> {
    const terms: RunnerTerms = {
      key: this.#pipelineName,
      fulfils: fulfilledTags([]),
      pipelines: [this.#pipelineName],
    };
    const { id: requestId, repeat, capacity } = request;
    const rows = await new Promise<ClaimedRow[]>((resolve, reject) => {
      const claimant: Claimant = {
        gone: false,
        waiter: undefined,
        given: resolve,
        failed: reject,
      };
      const poll = { runnerId, requestId, repeat, capacity, terms, waitMs: 0 };
      this.#dispatcher.claim(poll, claimant);
    });
    if (this.#mutation?.undoesDelivered === true) await this.#dispatcher.undo(rows);
    return rows;
  }

  /** The answer to a claim could not be written. */
  undo(rows: readonly ClaimedRow[]): Promise<void> {
    return this.#dispatcher.undo(rows);
  }

  async report(runnerId: string, jobId: string, report: ReportRequest): Promise<ReportResponse> {
    this.#taken += 1;
    if (this.#mutation?.acknowledgesEarly === true && this.#taken % 3 === 0) {
      return { lease_seconds: LEASE_SECONDS, cancel: false };
    }
    return this.#reports.take(runnerId, jobId, await this.#asMistaken(jobId, report));
  }

  connect(runnerId: string, request: ConnectRequest): Promise<ConnectResponse> {
    const address = '127.0.0.1';
    const sender = { kind: 'runner', runnerId, name: 'simulated', address } as const;
    return connect(this.#connecting, sender as never, request);
  }

  async cancel(id: string): Promise<void> {
    await this.#faulty.transaction(
      async (tx) => {
        const job = await lockJob(tx, id);
        if (job !== undefined && !hasEnded(job)) await cancel(tx, job);
      },
      { repeatable: true },
    );
  }

  /** What the duty does each second. Returns how many attempts ended. */
  expireLeases(): Promise<number> {
    const { database, notifier, metrics } = this.#connecting;
    return expireOnce({ database, notifier, metrics, logger: silentLogger });
  }

  /** Lets time pass in the database: what lies ahead comes nearer. */
  advance(ms: number): Promise<void> {
    return passSimulatedTime(this.#database, this.#pipelineName, ms);
  }

  stands(): Promise<SimulatedJob[]> {
    return readSimulatedJobs(this.#database, this.#pipelineName);
  }

  lines(jobId: string, attempt: number): Promise<LogLine[]> {
    return readLog(this.#database, { jobId, attempt, after: 0, chunksMax: 1000 });
  }

  async #asMistaken(jobId: string, report: ReportRequest): Promise<ReportRequest> {
    const { takesAnyAttempt, takesAnySequence } = this.#mutation ?? {};
    if (takesAnyAttempt === undefined && takesAnySequence === undefined) return report;
    const row = await readCurrentAttempt(this.#database, jobId);
    if (row === undefined) return report;
    const { attempt, lease_id, last_seq } = row;
    if (takesAnySequence === true) return { ...report, seq: last_seq + 1 };
    return { ...report, attempt, lease_id, seq: last_seq + 1 };
  }

  #withFaults(database: Database): Database {
    const mutated = (db: Queryable): Queryable => ({
      query: (statement, values) => db.query(this.#mutate(statement), values),
    });
    const plain = mutated(database);
    return {
      ...database,
      query: (statement, values) => this.#meet(() => plain.query(statement, values)),
      transaction: (work, options) =>
        this.#meet(() => database.transaction((tx) => work(mutated(tx)), options)),
    };
  }

  async #meet<T>(ask: () => Promise<T>): Promise<T> {
    const fate = this.fate();
    const away = RivetError.of('RIVET_DATABASE_UNREACHABLE', {
      database: 'simulated',
      reason: 'the connection was cut',
    });
    if (fate === 'not done') throw away;
    const answer = await ask();
    if (fate === 'done') return answer;
    throw away;
  }

  #mutate(statement: Statement): Statement {
    const changes = this.#mutation?.sql?.filter((change) => change.statement === statement.name);
    if (changes === undefined || changes.length === 0) return statement;
    let { text } = statement;
    for (const { from, to } of changes) {
      if (!text.includes(from)) throw new Error(`"${from}" is not part of ${statement.name}`);
      text = text.replaceAll(from, to);
    }
    // Under its own name the database would take what it has prepared.
    return { ...statement, name: '', text };
  }
}
