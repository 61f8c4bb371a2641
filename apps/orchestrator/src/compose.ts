// The composition root: makes every part of an orchestrator and starts and stops them in order.
import {
  createService,
  type Logger,
  type SecretText,
  type Service,
  startAll,
  stopAll,
} from '@rivet/base';
import { createLuaEngine } from '@rivet/lua';
import {
  checkSchema,
  createDatabase,
  createListener,
  createNotifier,
  createReader,
  type Database,
  HELLO_CHANNEL,
  JOB_CHANNEL,
  migrate,
  QUEUE_CHANNEL,
  type Reader,
  RUNNER_CHANNEL,
} from '@rivet/store';
import { createAuditLog } from './audit/audit-log.ts';
import { auditKeysOf, beginAuditLog } from './audit/begin-audit-log.ts';
import { createRefusals } from './audit/refusals.ts';
import { createAuthParts, signingKeysService } from './auth/auth-parts.ts';
import { createAuthenticator } from './auth/authenticate.ts';
import { createProvider } from './auth/oidc/provider.ts';
import { offerSetup } from './auth/setup-token.ts';
import type { Config } from './config.ts';
import { DatabaseWatch } from './database-watch.ts';
import { chainAuditLog } from './duties/chain-audit-log.ts';
import { createDuties } from './duties/duty.ts';
import { endOverdue } from './duties/end-overdue.ts';
import { expireLeases } from './duties/expire-leases.ts';
import { forgetAttempts } from './duties/forget-attempts.ts';
import { forgetOldIdempotencyKeys } from './duties/forget-idempotency-keys.ts';
import { forgetOldSessions } from './duties/forget-sessions.ts';
import { keepPartitions } from './duties/partitions.ts';
import { rotateSigningKeys } from './duties/rotate-signing-keys.ts';
import { tendQueue } from './duties/tend-queue.ts';
import { watchSnapshots } from './duties/watch-snapshots.ts';
import { createApp } from './http/app.ts';
import { readCertificate } from './http/certificate.ts';
import { createHttpService } from './http/http-service.ts';
import { accessRoutes } from './http/routes/access.ts';
import { apiKeyRoutes } from './http/routes/api-keys.ts';
import { auditRoutes } from './http/routes/audit.ts';
import { authRoutes } from './http/routes/auth.ts';
import { browserRoutes } from './http/routes/browser.ts';
import { idTokenRoutes } from './http/routes/id-tokens.ts';
import { jobLogRoutes } from './http/routes/job-logs.ts';
import { jobRoutes } from './http/routes/jobs.ts';
import { oidcRoutes } from './http/routes/oidc.ts';
import { pipelineRoutes } from './http/routes/pipelines.ts';
import { runnerCallRoutes } from './http/routes/runner.ts';
import { runnerPauseRoutes } from './http/routes/runner-pauses.ts';
import { runnerRoutes } from './http/routes/runners.ts';
import { secretRoutes } from './http/routes/secrets.ts';
import { signingKeyRoutes } from './http/routes/signing-keys.ts';
import { systemRoutes } from './http/routes/system.ts';
import { userRoutes } from './http/routes/users.ts';
import { createStreamKeeper } from './http/stream-keeper.ts';
import { createStreamSlots } from './http/stream-slots.ts';
import { ClaimDispatcher } from './jobs/claim-dispatcher.ts';
import { createJobFollowers } from './jobs/job-feed.ts';
import { createJobWatcher } from './jobs/job-watcher.ts';
import { LeaseRenewals } from './jobs/lease-renewals.ts';
import { createLogFollowers } from './jobs/log-follower.ts';
import { ReportBatcher } from './jobs/report-batcher.ts';
import { createVersionCache } from './jobs/version-cache.ts';
import { createMetrics } from './metrics.ts';
import { createPipelineChecker } from './pipelines/pipeline-checker.ts';
import { KnownRunners } from './runners/known-runners.ts';
import { createSealing } from './sealing/sealing.ts';
import type { Services } from './services.ts';
import { VERSION } from './version.ts';

export interface Orchestrator extends Service {
  /** `http://127.0.0.1:7450`; known after the start. */
  readonly url: string;
  /** How others reach it. */
  readonly publicUrl: string;
  /** A token for the first administrator; undefined when there is a user. After the start. */
  offerSetup(): Promise<SecretText | undefined>;
}

/**
 * Makes an orchestrator, which must be stopped. Nothing is connected or listened to before `start`.
 * @throws RIVET_TLS_INVALID
 */
export async function createOrchestrator(config: Config, logger: Logger): Promise<Orchestrator> {
  const { database, reserved, reader } = openDatabase(config, logger);
  const stopping = new AbortController();
  const notifier = createNotifier(database, logger, {
    enabled: config.notifications,
    onQueue: () => dispatcher.wake(),
    onJob: (id, isLogTold) => watcher.notified(id, isLogTold),
  });
  const watcher = createJobWatcher(database, logger);
  const logFollowers = createLogFollowers(database, watcher);
  const metrics = createMetrics();
  const engine = createLuaEngine({ useImage: config.bundled });
  const { leaseSeconds, pollMsMax } = config;
  const dispatcher = new ClaimDispatcher({
    database: reserved,
    leaseSeconds,
    woken: config.notifications,
    logger,
    onUndone: () => notifier.queueChanged(),
  });
  const knownRunners = new KnownRunners({
    // Whoever claims or renews a lease must be known first.
    database: reserved,
    cached: config.runnerCache,
    logger,
    polls: dispatcher,
    tellOthers: (id) => notifier.runnerChanged(id),
  });
  const versions = createVersionCache();
  // Together less than a runner waits for the answer to a report: a third of the lease.
  const databaseWatch = new DatabaseWatch({
    database,
    patienceMs: leaseSeconds * 100,
    answerMs: leaseSeconds * 100,
  });
  const reports = new ReportBatcher({
    ...{ database, reserved, notifier, metrics, versions, leaseSeconds, databaseWatch },
    ...(config.notifications && { followers: logFollowers }),
    onEnd: (runnerId) => knownRunners.ended(runnerId),
    logBytesMax: config.logBytesMax,
    batching: config.batching,
  });
  const leases = new LeaseRenewals({ database, reserved, databaseWatch, leaseSeconds });
  const sealing = createSealing({
    database,
    current: config.masterKey,
    other: config.otherMasterKey,
    onFirstStart: beginAuditLog,
    logger,
  });
  const auditKeys = auditKeysOf(sealing.sealer);
  const audit = createAuditLog(auditKeys);
  const refusals = createRefusals({ database, audit, logger });
  const auth = createAuthParts({ database, sealer: sealing.sealer, audit });
  const authenticator = createAuthenticator({
    ...auth,
    knownRunners: {
      identify: async (hash) =>
        knownRunners.known(hash) ?? databaseWatch.answered(knownRunners.identify(hash)),
    },
  });
  const streams = createStreamKeeper(authenticator, logger);
  const services: Services = {
    publicUrl: () => config.publicUrl ?? http.url(),
    version: VERSION,
    auth,
    oidc: config.oidc && createProvider(config.oidc, logger),
    authenticator,
    database,
    reserved,
    reader,
    notifier,
    checker: createPipelineChecker(engine),
    dispatcher,
    knownRunners,
    watcher,
    logFollowers,
    jobFollowers: createJobFollowers({ database, versions }, watcher),
    streams,
    reports,
    leases,
    versions,
    metrics,
    sealer: sealing.sealer,
    secretSources: config.secretSources,
    streamSlots: createStreamSlots(config.streamsPerUser),
    audit,
    refusals,
    auditKeys,
    logger,
    leaseSeconds,
    timeoutGraceMs: config.timeoutGraceMs,
    attemptTimeMsMax: config.attemptTimeMsMax,
    logBytesMax: config.logBytesMax,
    pollMsMax,
    stopping: stopping.signal,
  };
  const certificate = config.certificate && (await readCertificate(config.certificate));
  const app = await createApp({
    network: config,
    certificate,
    authenticator: services.authenticator,
    known: (hash) => knownRunners.known(hash),
    logger,
    metrics,
    refusals,
    stopping: stopping.signal,
    handlers: {
      ...authRoutes(services),
      ...oidcRoutes(services),
      ...signingKeyRoutes(services),
      ...browserRoutes(services),
      ...userRoutes(services),
      ...pipelineRoutes(services),
      ...jobRoutes(services),
      ...jobLogRoutes(services),
      ...runnerRoutes(services),
      ...runnerPauseRoutes(services),
      ...runnerCallRoutes(services),
      ...idTokenRoutes(services),
      ...auditRoutes(services),
      ...accessRoutes(services),
      ...apiKeyRoutes(services),
      ...secretRoutes(services),
      ...systemRoutes(services),
    },
  });
  const listener = createListener({
    database,
    channels: [QUEUE_CHANNEL, JOB_CHANNEL, RUNNER_CHANNEL, HELLO_CHANNEL],
    logger,
    onNotification: (channel, payload) => {
      const told = notifier.heard(payload);
      if (told === undefined) return;
      if (channel === QUEUE_CHANNEL) dispatcher.wake();
      if (channel === JOB_CHANNEL) watcher.notified(told);
      if (channel !== RUNNER_CHANNEL) return;
      knownRunners.changed(told);
      dispatcher.news(told.split(' '));
    },
    onDisconnected: () => notifier.listening(false),
    onConnected: () => {
      notifier.listening(true);
      dispatcher.wake();
      knownRunners.changed('*');
      watcher.notified('*');
    },
  });
  const duties = createDuties(
    database,
    [
      expireLeases(services),
      tendQueue(services),
      endOverdue(services),
      keepPartitions({
        database,
        logger,
        period: config.partitionPeriod,
        retentionMs: config.retentionMs,
      }),
      forgetOldIdempotencyKeys(database),
      forgetAttempts(database),
      forgetOldSessions(database),
      rotateSigningKeys(auth.signingKeys),
      watchSnapshots({ database, logger, onOldest: metrics.oldestSnapshot }),
      chainAuditLog({ database, keys: auditKeys, logger, onLength: metrics.auditReaches }),
    ],
    logger,
  );
  const http = createHttpService({
    app,
    network: config,
    certificate,
    logger,
    beforeClose: () => {
      stopping.abort();
      streams.endAll();
      dispatcher.stopServing();
    },
  });
  const parts = [
    closing('lua engine', () => engine.close()),
    schemaService(services, config.migrate),
    sealing,
    signingKeysService(auth),
    createService('sign-in elsewhere', {
      start: async () => services.oidc?.prepare(),
      stop: async () => undefined,
    }),
    closing('notifier', () => notifier.close()),
    ...(config.notifications ? [listener] : []),
    watcher,
    streams,
    knownRunners.service(),
    duties,
    refusals,
    closing('claims', () => dispatcher.close()),
    closing('reports', () => reports.close()),
    http,
  ];
  const closeDatabase = async (): Promise<void> => {
    await Promise.all([reserved.close(), reader.close(), database.close()]);
  };
  const service = createService('orchestrator', {
    // A start that fails closes what it opened: startAll has stopped the parts by then.
    start: () =>
      startAll(parts).catch((error) => closeDatabase().then(() => Promise.reject(error))),
    stop: () => stopAll(parts).finally(closeDatabase),
  });
  return {
    ...service,
    get url() {
      return http.url();
    },
    get publicUrl() {
      return services.publicUrl();
    },
    offerSetup: () => offerSetup(database),
  };
}

/**
 * The connections for everything, those that only claims, leases and cancels use, and those to a
 * copy.
 */
function openDatabase(
  config: Config,
  logger: Logger,
): { database: Database; reserved: Database; reader: Reader } {
  const { databaseConnectionsMax: most, reservedConnections, preparedStatements } = config;
  const { databaseUrl: url, databaseDirectUrl: directUrl, databaseReaderUrl } = config;
  const applicationName = 'rivet-orchestrator';
  const open = (connectionsMax: number, plannedOnce = false): Database =>
    createDatabase({
      ...{ url, directUrl, applicationName, connectionsMax, plannedOnce, preparedStatements },
      logger,
    });
  // One listens, and one tells the others; where there are few, everything shares the rest.
  const few = Math.max(2, most - 2);
  const kept = Math.min(reservedConnections, few - 2);
  const database = open(few - Math.max(0, kept));
  const copy =
    databaseReaderUrl === undefined
      ? undefined
      : createDatabase({
          ...{ url: databaseReaderUrl, applicationName, preparedStatements, logger },
          setting: 'RIVET_DATABASE_READER_URL',
          connectionsMax: Math.ceil(few / 2),
          // It may be a pooler as the other one: nothing here needs a session.
          ...(directUrl !== undefined && { directUrl: databaseReaderUrl }),
        });
  return {
    database,
    reserved: kept > 0 ? open(kept, true) : database,
    reader: createReader(database, copy, logger),
  };
}

/** Brings the schema up to date, or checks that it is. */
function schemaService({ database, logger }: Services, mayMigrate: boolean): Service {
  return createService('schema', {
    async start() {
      const ran = mayMigrate ? await migrate(database, { logger }) : [];
      if (ran.length > 0) logger.info({ migrations: ran }, 'the schema was brought up to date');
      await checkSchema(database);
    },
    async stop() {},
  });
}

/** Something that works from the moment it is made, and must be closed. */
function closing(name: string, close: () => Promise<void>): Service {
  return createService(name, { start: async () => undefined, stop: close });
}
