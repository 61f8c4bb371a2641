// What an orchestrator says about itself: health, readiness, metrics, its API.
import { checkSchema, countQueuedJobs, countRunners } from '@rivet/store';
import { OFFLINE_SECONDS } from '../../present.ts';
import type { Services } from '../../services.ts';
import type { Handlers } from '../handler.ts';
import { openApiDocument } from '../openapi.ts';

type Names = 'getHealth' | 'getReadiness' | 'getMetrics' | 'getOpenApi';

export function systemRoutes(services: Services): Handlers<Names> {
  const { database, metrics, version } = services;
  const document = openApiDocument(version);
  return {
    getHealth: async () => ({ status: 'ok' }),
    getReadiness: async () => {
      await checkSchema(database);
      return { status: 'ok' };
    },
    getMetrics: async ({ reply }) => {
      const text = await metrics.render({
        queued: await countQueuedJobs(database),
        runners: await countRunners(database, OFFLINE_SECONDS),
      });
      await reply.header('content-type', 'text/plain; version=0.0.4; charset=utf-8').send(text);
      return undefined;
    },
    getOpenApi: async () => document,
  };
}
