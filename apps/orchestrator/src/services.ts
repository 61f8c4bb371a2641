// What the HTTP routes work with: made in compose.ts, passed to each of them.
import type { Logger } from '@rivet/base';
import type { Database, Notifier, Reader } from '@rivet/store';
import type { AuditKeys } from './audit/audit-keys.ts';
import type { AuditLog } from './audit/audit-log.ts';
import type { Refusals } from './audit/refusals.ts';
import type { AuthParts } from './auth/auth-parts.ts';
import type { Authenticator } from './auth/authenticate.ts';
import type { Provider } from './auth/oidc/provider.ts';
import type { StreamKeeper } from './http/stream-keeper.ts';
import type { StreamSlots } from './http/stream-slots.ts';
import type { ClaimDispatcher } from './jobs/claim-dispatcher.ts';
import type { JobFollowers } from './jobs/job-feed.ts';
import type { JobWatcher } from './jobs/job-watcher.ts';
import type { LeaseRenewals } from './jobs/lease-renewals.ts';
import type { LogFollowers } from './jobs/log-follower.ts';
import type { ReportBatcher } from './jobs/report-batcher.ts';
import type { VersionCache } from './jobs/version-cache.ts';
import type { Metrics } from './metrics.ts';
import type { PipelineChecker } from './pipelines/pipeline-checker.ts';
import type { KnownRunners } from './runners/known-runners.ts';
import type { Sealer } from './sealing/sealer.ts';
import type { SecretSources } from './secrets/providers/secret-source.ts';

export interface Services {
  readonly version: string;
  /** `https://rivet.example.com`: how others reach this installation; known after the start. */
  readonly publicUrl: () => string;
  /** What signing in is made of. */
  readonly auth: AuthParts;
  /** Where people can sign in besides; undefined: nowhere else. */
  readonly oidc: Provider | undefined;
  readonly authenticator: Authenticator;
  readonly database: Database;
  /** Connections for claims, leases and cancels: what is slow does not take these. */
  readonly reserved: Database;
  /** Lists, and what does not change any more: from a copy, where there is one. */
  readonly reader: Reader;
  readonly notifier: Notifier;
  readonly checker: PipelineChecker;
  readonly dispatcher: ClaimDispatcher;
  readonly knownRunners: KnownRunners;
  readonly watcher: JobWatcher;
  readonly logFollowers: LogFollowers;
  readonly jobFollowers: JobFollowers;
  /** Looks after the streams that are open. */
  readonly streams: StreamKeeper;
  /** Takes what runners report. */
  readonly reports: ReportBatcher;
  /** Renews leases where reports take long. */
  readonly leases: LeaseRenewals;
  readonly versions: VersionCache;
  readonly metrics: Metrics;
  /** Works once the orchestrator has started. */
  readonly sealer: Sealer;
  /** Where values of secrets come from that are not in the database. */
  readonly secretSources: SecretSources;
  /** Who did what: every change is recorded here, in its own transaction. */
  readonly audit: AuditLog;
  readonly auditKeys: AuditKeys;
  /** What was refused is recorded here, in bounded amounts. */
  readonly refusals: Refusals;
  readonly streamSlots: StreamSlots;
  readonly logger: Logger;
  readonly leaseSeconds: number;
  /** What an attempt may take beyond its timeouts, for `always` stages and to stop commands. */
  readonly timeoutGraceMs: number;
  /** The timeout of attempts whose pipeline sets none. */
  readonly attemptTimeMsMax: number;
  /** Bytes that the log of an attempt may have, whatever limit its runner has. */
  readonly logBytesMax: number;
  /** Longest wait of a long poll, in milliseconds. */
  readonly pollMsMax: number;
  /** Aborts when the orchestrator begins to stop: streams end. */
  readonly stopping: AbortSignal;
}
