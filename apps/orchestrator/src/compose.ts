// The composition root: makes every part of an orchestrator and starts and stops them in order.
import type { AddressInfo } from 'node:net';
import {
  createService,
  type Logger,
  RivetError,
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
  JOB_CHANNEL,
  migrate,
  QUEUE_CHANNEL,
} from '@rivet/store';
import type { FastifyInstance } from 'fastify';
import { createAuditKeys } from './audit/audit-keys.ts';
import { createAuditLog } from './audit/audit-log.ts';
import { chainAuditLog } from './audit/chain-rows.ts';
import { createRefusals } from './audit/refusals.ts';
import { createAuthenticator } from './auth/authenticate.ts';
import type { Config } from './config.ts';
import { createDuties } from './duties/duty.ts';
import { expireLeases } from './duties/expire-leases.ts';
import { forgetOldIdempotencyKeys } from './duties/forget-idempotency-keys.ts';
import { createApp } from './http/app.ts';
import { accessRoutes } from './http/routes/access.ts';
import { apiKeyRoutes } from './http/routes/api-keys.ts';
import { auditRoutes } from './http/routes/audit.ts';
import { jobLogRoutes } from './http/routes/job-logs.ts';
import { jobRoutes } from './http/routes/jobs.ts';
import { pipelineRoutes } from './http/routes/pipelines.ts';
import { runnerCallRoutes } from './http/routes/runner.ts';
import { authRoutes } from './http/routes/auth.ts';
import { browserRoutes } from './http/routes/browser.ts';
import { runnerRoutes } from './http/routes/runners.ts';
import { secretRoutes } from './http/routes/secrets.ts';
import { systemRoutes } from './http/routes/system.ts';
import { createStreamSlots } from './http/stream-slots.ts';
import { ClaimDispatcher } from './jobs/claim-dispatcher.ts';
import { createJobWatcher } from './jobs/job-watcher.ts';
import { createStageNames } from './jobs/stage-names.ts';
import { createMetrics } from './metrics.ts';
import { createPipelineChecker } from './pipelines/pipeline-checker.ts';
import { createSealing } from './sealing/sealing.ts';
import type { Services } from './services.ts';
import { VERSION } from './version.ts';

export interface Orchestrator extends Service {
  /** `http://127.0.0.1:7450`; known after the start. */
  readonly url: string;
}

/** What requests under way have when the server stops, in milliseconds. */
const CLOSE_MS_MAX = 10_000;

/**
 * Makes an orchestrator, which must be stopped. Nothing is connected or listened to before `start`.
 */
export async function createOrchestrator(config: Config, logger: Logger): Promise<Orchestrator> {
  const database = createDatabase({
    url: config.databaseUrl,
    applicationName: 'rivet-orchestrator',
    connectionsMax: config.databaseConnectionsMax,
    logger,
  });
  const stopping = new AbortController();
  const notifier = createNotifier(database, logger);
  const watcher = createJobWatcher(database, logger);
  const metrics = createMetrics();
  const engine = createLuaEngine();
  const { leaseSeconds, pollMsMax } = config;
  const dispatcher = new ClaimDispatcher({
    database,
    leaseSeconds,
    logger,
    onUndone: () => notifier.queueChanged(),
  });
  const sealing = createSealing({
    database,
    current: config.masterKey,
    other: config.otherMasterKey,
    logger,
  });
  const auditKeys = createAuditKeys(() => sealing.sealer.mac('audit'));
  const audit = createAuditLog(auditKeys);
  const refusals = createRefusals({ database, audit, logger });
  const services: Services = {
    version: VERSION,
    authenticator: createAuthenticator(database),
    database,
    notifier,
    checker: createPipelineChecker(engine),
    dispatcher,
    watcher,
    stageNames: createStageNames(),
    metrics,
    sealer: sealing.sealer,
    secretSources: config.secretSources,
    streamSlots: createStreamSlots(config.streamsPerUser),
    audit,
    refusals,
    auditKeys,
    logger,
    leaseSeconds,
    logBytesMax: config.logBytesMax,
    pollMsMax,
    stopping: stopping.signal,
  };
  const app = await createApp({
    authenticator: services.authenticator,
    logger,
    metrics,
    refusals,
    stopping: stopping.signal,
    handlers: {
      ...pipelineRoutes(services),
      ...jobRoutes(services),
      ...jobLogRoutes(services),
      ...runnerRoutes(services),
      ...runnerCallRoutes(services),
      ...auditRoutes(services),
      ...accessRoutes(services),
      ...apiKeyRoutes(services),
      ...secretRoutes(services),
      ...authRoutes(services),
      ...signingKeyRoutes(services),
      ...browserRoutes(services),
      ...userRoutes(services),
      ...systemRoutes(services),
    },
  });
  const listener = createListener({
    database,
    channels: [QUEUE_CHANNEL, JOB_CHANNEL],
    logger,
    onNotification: (channel, payload) => {
      if (channel === QUEUE_CHANNEL) dispatcher.wake();
      else watcher.notified(payload);
    },
    onConnected: () => {
      dispatcher.wake();
      watcher.notified('*');
    },
  });
  const duties = createDuties(
    database,
    [
      expireLeases(services),
      forgetOldIdempotencyKeys(database),
      chainAuditLog({ database, keys: auditKeys, logger }),
    ],
    logger,
  );
  const http = httpService(app, config, () => {
    stopping.abort();
    dispatcher.stopServing();
  });
  const parts = [
    closing('lua engine', () => engine.close()),
    schemaService(services, config.migrate),
    sealing,
    closing('notifier', () => notifier.close()),
    listener,
    watcher,
    duties,
    refusals,
    closing('claims', () => dispatcher.close()),
    http,
  ];
  const service = createService('orchestrator', {
    // A start that fails closes what it opened: startAll has stopped the parts by then.
    start: () =>
      startAll(parts).catch((error) => database.close().then(() => Promise.reject(error))),
    stop: () => stopAll(parts).finally(() => database.close()),
  });
  return {
    ...service,
    get url() {
      return http.url();
    },
  };
}

/** Brings the schema up to date, or checks that it is. */
function schemaService({ database, logger }: Services, mayMigrate: boolean): Service {
  return createService('schema', {
    async start() {
      const ran = mayMigrate ? await migrate(database) : [];
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

function httpService(
  app: FastifyInstance,
  { host, port }: Config,
  beforeClose: () => void,
): Service & { url(): string } {
  const service = createService('http', {
    async start() {
      try {
        await app.listen({ host, port });
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        const reason = code === 'EADDRINUSE' ? 'the port is in use' : message;
        const address = `${host}:${port}`;
        throw RivetError.of('RIVET_LISTEN_IN_USE', { address, reason }, error);
      }
    },
    async stop() {
      // Streams and polls end first, or the server would wait for them.
      beforeClose();
      // A connection that is kept alive after its last answer would hold the server open.
      const idle = setInterval(() => app.server.closeIdleConnections(), 20);
      const late = setTimeout(() => app.server.closeAllConnections(), CLOSE_MS_MAX);
      await app.close();
      clearInterval(idle);
      clearTimeout(late);
    },
  });
  const url = (): string => {
    const address = app.server.address() as AddressInfo;
    const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${name}:${address.port}`;
  };
  return { ...service, url };
}
