// What an orchestrator says about itself: health, readiness, metrics, its API.
import { checkSchema, countQueuedJobs } from '@rivet/store';
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
      const text = await metrics.render(await countQueuedJobs(database));
      await reply.header('content-type', 'text/plain; version=0.0.4; charset=utf-8').send(text);
      return undefined;
    },
    getOpenApi: async () => document,
  };
}
