// Numbers about this orchestrator in the format of Prometheus.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** A request that was answered. */
interface AnsweredRequest {
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly ms: number;
}

/** Numbers of the whole installation. */
interface InstallationNumbers {
  readonly queued: number;
  /** Runners that were heard of lately, by whether they say that they can take jobs. */
  readonly runners: { readonly fit: number; readonly unfit: number };
}

export interface Metrics {
  observeRequest(request: AnsweredRequest): void;
  claimed(jobs: number): void;
  finished(state: string): void;
  /** How far the audit log reaches, as this orchestrator has last seen it. */
  auditReaches(position: number): void;
  /** How long the oldest snapshot has been held, as this orchestrator has last seen it. */
  oldestSnapshot(seconds: number): void;
  /** The text of all of them, with what was read from the database at that moment. */
  render(installation: InstallationNumbers): Promise<string>;
}

/**
 * How often the lag of the event loop is looked at, in milliseconds: the library's own 10 keep an
 * idle process busier than all that it does besides.
 */
const LAG_EVERY_MS = 100;

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_EVERY_MS });
  const registers = [registry];
  const requests = new Histogram({
    name: 'rivet_http_request_seconds',
    help: 'Time to answer a request; long polls and streams last as long as they wait',
    labelNames: ['route', 'method', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers,
  });
  // Routes, methods and statuses are few.
  const known = new Map<string, Histogram.Internal<'route' | 'method' | 'status'>>();
  const claims = new Counter({
    name: 'rivet_jobs_claimed_total',
    help: 'Jobs given to runners by this orchestrator',
    registers,
  });
  const ends = new Counter({
    name: 'rivet_jobs_finished_total',
    help: 'Jobs whose end this orchestrator stored, by state',
    labelNames: ['state'],
    registers,
  });
  const queue = new Gauge({
    name: 'rivet_jobs_queued',
    help: 'Jobs that wait for a runner, in the whole installation',
    registers,
  });
  const runners = new Gauge({
    name: 'rivet_runners',
    help: 'Runners that are there; fit="no" are those that take no jobs, as their disk or Podman is unwell',
    labelNames: ['fit'],
    registers,
  });
  const audited = new Gauge({
    name: 'rivet_audit_position',
    help: 'Rows of the audit log that are chained; one that falls means that rows were cut off',
    registers,
  });
  // Not 0 before it is known: that would look like rows that were cut off.
  audited.remove();
  const snapshot = new Gauge({
    name: 'rivet_database_oldest_snapshot_seconds',
    help: 'How long the oldest snapshot of the database has been held at least; its tables grow meanwhile',
    registers,
  });
  // Before it was looked nobody knows.
  snapshot.remove();
  return {
    observeRequest({ route, method, status, ms }) {
      const key = `${method} ${status} ${route}`;
      const series = known.get(key) ?? requests.labels(route, method, String(status));
      known.set(key, series);
      series.observe(ms / 1000);
    },
    claimed: (jobs) => claims.inc(jobs),
    finished: (state) => ends.inc({ state }),
    oldestSnapshot: (seconds) => snapshot.set(seconds),
    auditReaches: (position) => audited.set(position),
    async render({ queued, runners: { fit, unfit } }) {
      queue.set(queued);
      runners.set({ fit: 'yes' }, fit);
      runners.set({ fit: 'no' }, unfit);
      return registry.metrics();
    },
  };
}
