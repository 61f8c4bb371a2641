// The route table: every endpoint, put together by resource. The orchestrator serves exactly these,
// the client calls them, and the OpenAPI document is made from them.
import { accessRoutes } from './routes/access.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { auditRoutes } from './routes/audit.ts';
import { authRoutes } from './routes/auth.ts';
import { browserRoutes } from './routes/browser.ts';
import { idTokenRoutes } from './routes/id-tokens.ts';
import { jobRoutes } from './routes/jobs.ts';
import { pipelineRoutes } from './routes/pipelines.ts';
import type { Route } from './routes/route.ts';
import { runnerRoutes } from './routes/runners.ts';
import { secretRoutes } from './routes/secrets.ts';
import { systemRoutes } from './routes/system.ts';
import { userRoutes } from './routes/users.ts';

export const routes = {
  ...authRoutes,
  ...browserRoutes,
  ...userRoutes,
  ...pipelineRoutes,
  ...jobRoutes,
  ...runnerRoutes,
  ...idTokenRoutes,
  ...accessRoutes,
  ...apiKeyRoutes,
  ...auditRoutes,
  ...secretRoutes,
  ...systemRoutes,
} as const;

export type RouteName = keyof typeof routes;

/** The path of a route as it is on the wire. */
export function routePath(entry: Route): string {
  return entry.root === true ? entry.path : `/api${entry.path}`;
}
