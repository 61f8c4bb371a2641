// Routes of the server itself: health, metrics, the description of the API.
import * as system from '../api/system.ts';
import { route } from './route.ts';

export const systemRoutes = {
  getHealth: route({
    method: 'GET',
    path: '/healthz',
    root: true,
    permission: 'public',
    summary: 'Whether the process answers; looks at nothing else',
    response: system.Health,
  }),
  getReadiness: route({
    method: 'GET',
    path: '/readyz',
    root: true,
    permission: 'public',
    summary: 'Whether it can do its work: the database answers and its schema is current',
    response: system.Health,
  }),
  getMetrics: route({
    method: 'GET',
    path: '/metrics',
    root: true,
    permission: 'runners.view',
    summary: 'Metrics in the text format of Prometheus',
    stream: 'text',
  }),
  getOpenApi: route({
    method: 'GET',
    path: '/openapi.json',
    permission: 'public',
    summary: 'This API as an OpenAPI document',
    response: system.OpenApi,
  }),
} as const;
