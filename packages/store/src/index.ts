// The only place with SQL: one exported function per operation, one file per table.

export { createFromTemplate, createTemplate, dropDatabase } from './administration.ts';
export * from './api-keys.ts';
export * from './attempt-detail.ts';
export * from './attempt-limits.ts';
export * from './audit-log.ts';
export * from './backup.ts';
export * from './claim-jobs.ts';
export * from './claimable.ts';
export * from './cluster-heartbeat.ts';
export * from './concurrency-groups.ts';
export * from './database.ts';
export { violatedConstraint } from './database-error.ts';
export { withDutyLock } from './duty-lock.ts';
export * from './grants.ts';
export * from './held-attempts.ts';
export * from './idempotency-keys.ts';
export * from './job-attempts.ts';
export * from './job-logs.ts';
export * from './job-outputs.ts';
export * from './job-queue.ts';
export * from './job-secret-inputs.ts';
export * from './job-stages.ts';
export * from './jobs.ts';
export * from './known-runners.ts';
export * from './launched-jobs.ts';
export { createListener, type ListenerOptions } from './listen.ts';
export { decodeLogChunk, encodeLogChunk } from './log-chunk.ts';
export * from './log-tails.ts';
export { checkSchema, migrate, migrationsDirectory } from './migrator.ts';
export type { NameFilter } from './name-filter.ts';
export {
  createNotifier,
  HELLO_CHANNEL,
  JOB_CHANNEL,
  type Notifier,
  type NotifierOptions,
  QUEUE_CHANNEL,
  RUNNER_CHANNEL,
} from './notify.ts';
export * from './oidc-sign-ins.ts';
export * from './overdue-attempts.ts';
export {
  addPartition,
  type DropResult,
  databaseTime,
  dropPartition,
  findUnfitting,
  historyTables,
  listPartitions,
  type Partition,
} from './partitions.ts';
export * from './pipelines.ts';
export * from './plain-reports.ts';
export * from './queue-search.ts';
export { createReader, type Reader } from './reader.ts';
export * from './registration-tokens.ts';
export * from './renewed-leases.ts';
export * from './reported-attempts.ts';
export * from './reported-lines.ts';
export * from './restore.ts';
export * from './runner-tokens.ts';
export * from './runners.ts';
export { readSchemaSnapshot } from './schema-snapshot.ts';
export * from './sealed-rows.ts';
export * from './secret-grants.ts';
export * from './secret-versions.ts';
export * from './secrets.ts';
export * from './sessions.ts';
export * from './setup-tokens.ts';
export * from './signing-keys.ts';
export * from './snapshot-holders.ts';
export type { Queryable } from './statement.ts';
export * from './teams.ts';
export * from './user-identities.ts';
export * from './users.ts';
export { findViolations } from './violations.ts';
