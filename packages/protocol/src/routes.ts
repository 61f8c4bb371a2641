// The route table: every endpoint, put together by resource. The orchestrator serves exactly these,
// the client calls them, and the OpenAPI document is made from them.
import { auditRoutes } from './routes/audit.ts';
import { jobRoutes } from './routes/jobs.ts';
import { pipelineRoutes } from './routes/pipelines.ts';
import type { Route } from './routes/route.ts';
import { runnerRoutes } from './routes/runners.ts';
import { systemRoutes } from './routes/system.ts';

export const routes = {
  ...pipelineRoutes,
  ...jobRoutes,
  ...runnerRoutes,
  ...auditRoutes,
  ...systemRoutes,
} as const;

export type RouteName = keyof typeof routes;

/** The path of a route as it is on the wire. */
export function routePath(entry: Route): string {
  return entry.root === true ? entry.path : `/api${entry.path}`;
}
