// What the HTTP routes work with: made in compose.ts, passed to each of them.
import type { Logger } from '@rivet/base';
import type { Database, Notifier } from '@rivet/store';
import type { AuditKeys } from './audit/audit-keys.ts';
import type { AuditLog } from './audit/audit-log.ts';
import type { Authenticator } from './auth/authenticate.ts';
import type { StreamSlots } from './http/stream-slots.ts';
import type { ClaimDispatcher } from './jobs/claim-dispatcher.ts';
import type { JobWatcher } from './jobs/job-watcher.ts';
import type { Metrics } from './metrics.ts';
import type { PipelineChecker } from './pipelines/pipeline-checker.ts';
import type { Sealer } from './sealing/sealer.ts';

export interface Services {
  readonly version: string;
  readonly authenticator: Authenticator;
  readonly database: Database;
  readonly notifier: Notifier;
  readonly checker: PipelineChecker;
  readonly dispatcher: ClaimDispatcher;
  readonly watcher: JobWatcher;
  readonly metrics: Metrics;
  /** Works once the orchestrator has started. */
  readonly sealer: Sealer;
  /** Who did what: every change is recorded here, in its own transaction. */
  readonly audit: AuditLog;
  readonly auditKeys: AuditKeys;
  readonly logger: Logger;
  readonly leaseSeconds: number;
  readonly streamSlots: StreamSlots;
  /** Longest wait of a long poll, in milliseconds. */
  readonly pollMsMax: number;
  /** Aborts when the orchestrator begins to stop: streams end. */
  readonly stopping: AbortSignal;
}
