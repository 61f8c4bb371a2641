// The orchestrator of a simulated world: all of the real one that runners talk to, and the duty
// that ends leases, without HTTP and on a database that the caller gives.
import { createSecretKey, randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { isRivetError, RivetError, silentLogger } from '@rivet/base';
import type {
  ClaimedJob,
  ClaimRequest,
  ClaimResponse,
  ConnectRequest,
  ConnectResponse,
  JobReport,
  JobReportResult,
  PipelineBundle,
  Problem,
  RenewLeasesRequest,
  RenewLeasesResponse,
  ReportRequest,
  ReportResponse,
} from '@rivet/protocol';
import { type Database, lockJob, type Notifier } from '@rivet/store';
import type { Principal } from '../auth/principal.ts';
import { DatabaseWatch } from '../database-watch.ts';
import type { Duty } from '../duties/duty.ts';
import { expireLeases } from '../duties/expire-leases.ts';
import { LaterAnswer, type WaitingCall } from '../http/handler.ts';
import { clientError, toProblem } from '../http/problem.ts';
import { runnerCallRoutes } from '../http/routes/runner.ts';
import { ClaimDispatcher } from '../jobs/claim-dispatcher.ts';
import { LeaseRenewals } from '../jobs/lease-renewals.ts';
import { ReportBatcher } from '../jobs/report-batcher.ts';
import { cancel, hasEnded } from '../jobs/transitions.ts';
import { createVersionCache } from '../jobs/version-cache.ts';
import { createMetrics } from '../metrics.ts';
import { KnownRunners } from '../runners/known-runners.ts';
import type { Services } from '../services.ts';

export interface SimulatedOrchestratorOptions {
  readonly database: Database;
  readonly leaseSeconds: number;
  readonly pollMsMax: number;
  /** Jobs can be claimed: the other orchestrators may be told. */
  readonly onQueue: () => void;
  /** A job has changed. */
  readonly onJob: (jobId: string) => void;
  /** Runners have changed: as of the queue. */
  readonly onRunner: (runnerId: string) => void;
}

/** The way back of one answer: whoever waits for it may go. */
export class AnswerWay extends EventEmitter {
  destroyed = false;
  writableFinished = false;

  /** The answer has gone out, whether it arrives or not. */
  finish(): void {
    this.writableFinished = true;
    this.emit('close');
  }

  /** Nobody is there any more. */
  break(): void {
    if (this.writableFinished) return;
    this.destroyed = true;
    this.emit('close');
  }
}

const metrics = createMetrics();
const asked = {
  ...{ id: 'simulated', method: 'POST', url: '/', headers: {} },
  routeOptions: { bodyLimit: 1024 ** 2 },
};
type Routes = ReturnType<typeof runnerCallRoutes>;

export class SimulatedOrchestrator {
  readonly #options: SimulatedOrchestratorOptions;
  readonly #routes: Routes;
  readonly #knownRunners: KnownRunners;
  readonly #dispatcher: ClaimDispatcher;
  readonly #notifier: Notifier;
  readonly #reports: ReportBatcher;
  readonly #expiry: Duty;

  constructor(options: SimulatedOrchestratorOptions) {
    this.#options = options;
    const { database, leaseSeconds, pollMsMax, onQueue, onJob, onRunner } = options;
    const logger = silentLogger;
    this.#notifier = {
      queueChanged: () => {
        this.#dispatcher.wake();
        onQueue();
      },
      jobChanged: onJob,
      runnerChanged: onRunner,
      listening: () => undefined,
      heard: () => undefined,
      close: async () => undefined,
    };
    const notifier = this.#notifier;
    this.#dispatcher = new ClaimDispatcher({
      ...{ database, leaseSeconds, logger },
      woken: true,
      onUndone: () => notifier.queueChanged(),
    });
    this.#knownRunners = new KnownRunners({
      ...{ database, logger },
      cached: true,
      polls: this.#dispatcher,
      tellOthers: onRunner,
    });
    const versions = createVersionCache();
    const waitMs = leaseSeconds * 100;
    const databaseWatch = new DatabaseWatch({ database, patienceMs: waitMs, answerMs: waitMs });
    this.#reports = new ReportBatcher({
      ...{ database, notifier, metrics, versions, leaseSeconds, databaseWatch },
      reserved: database,
      onEnd: (runnerId) => this.#knownRunners.ended(runnerId),
      logBytesMax: 1024 * 1024,
      batching: true,
    });
    const key = createSecretKey(randomBytes(32));
    // No job here has secrets, and nobody is audited: what is left out is never asked for.
    const services = {
      ...{ database, reserved: database, notifier, metrics, versions, leaseSeconds, pollMsMax },
      ...{ logger, dispatcher: this.#dispatcher, knownRunners: this.#knownRunners },
      reports: this.#reports,
      leases: new LeaseRenewals({ database, reserved: database, databaseWatch, leaseSeconds }),
      sealer: { mac: () => key },
    } as unknown as Services;
    this.#routes = runnerCallRoutes(services);
    this.#expiry = expireLeases(services);
  }

  /** Who brings this token. @throws RIVET_AUTH_INVALID */
  async #runnerOf(tokenHash: Buffer): Promise<Principal> {
    const found = await this.#knownRunners.identify(tokenHash);
    if (found === undefined) throw RivetError.of('RIVET_AUTH_INVALID', {});
    return { kind: 'runner', runnerId: found.id, name: found.name };
  }

  async connect(tokenHash: Buffer, body: ConnectRequest): Promise<ConnectResponse> {
    return this.#routes.connectRunner(await this.#call(tokenHash, { body }));
  }

  async claim(tokenHash: Buffer, body: ClaimRequest, way: AnswerWay): Promise<ClaimResponse> {
    const raw = way as unknown as ServerResponse;
    const call = await this.#call<WaitingCall<'claimJobs'>>(tokenHash, { body, reply: { raw } });
    // As the server: who has gone while its token was looked at is not heard of by the call.
    if (way.destroyed) return { jobs: [] };
    const answer = await this.#routes.claimJobs(call);
    if (!(answer instanceof LaterAnswer)) return answer;
    return await new Promise((resolve) => answer.whenReady(resolve));
  }

  async report(tokenHash: Buffer, id: string, body: ReportRequest): Promise<ReportResponse> {
    return this.#routes.reportJob(await this.#call(tokenHash, { params: { id }, body }));
  }

  async reports(
    tokenHash: Buffer,
    body: { reports: JobReport[] },
  ): Promise<{ results: JobReportResult[] }> {
    return this.#routes.reportJobs(await this.#call(tokenHash, { body }));
  }

  async renewLeases(tokenHash: Buffer, body: RenewLeasesRequest): Promise<RenewLeasesResponse> {
    return this.#routes.renewLeases(await this.#call(tokenHash, { body }));
  }

  async bundle(
    tokenHash: Buffer,
    id: string,
    query: { attempt: number; lease_id: string },
  ): Promise<PipelineBundle> {
    return this.#routes.fetchJobBundle(await this.#call(tokenHash, { params: { id }, query }));
  }

  async cancel(id: string): Promise<void> {
    const job = await this.#options.database.transaction(
      async (tx) => {
        const locked = await lockJob(tx, id);
        if (locked !== undefined && !hasEnded(locked)) await cancel(tx, locked);
        return locked;
      },
      { repeatable: true },
    );
    if (job?.runner_id == null) return;
    this.#dispatcher.news([job.runner_id]);
    this.#options.onRunner(job.runner_id);
  }

  /** Undoes a claim, as when its answer could not be written. */
  async undo(jobs: readonly ClaimedJob[]): Promise<void> {
    await this.#dispatcher.undo(jobs.map(({ id, attempt }) => ({ job_id: id, attempt })));
  }

  /** What the duty does each second. False: no lease had run out. */
  async expireLeases(): Promise<boolean> {
    const isDue = (await this.#expiry.due?.()) !== false;
    if (isDue) await this.#expiry.run();
    return isDue;
  }

  /** Another orchestrator said that jobs can be claimed. */
  wake(): void {
    this.#dispatcher.wake();
  }

  /** Another orchestrator said that a runner has changed. */
  runnerChanged(runnerId: string): void {
    this.#knownRunners.changed(runnerId);
    this.#dispatcher.news([runnerId]);
  }

  async #call<T>(tokenHash: Buffer, parts: object): Promise<T> {
    const principal = await this.#runnerOf(tokenHash);
    return { request: asked, query: {}, params: {}, principal, ...parts } as T;
  }
}

/** What a refused request is answered. @throws what is no refusal: a defect of the server */
export function refusalOf(error: unknown): Problem {
  if (!isRivetError(error)) throw error;
  return toProblem(clientError(error, asked, silentLogger));
}
