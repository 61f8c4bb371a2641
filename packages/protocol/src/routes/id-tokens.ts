// Routes of job identity: what a runner asks on behalf of a job.
import { IdTokenRequest, IdTokenResponse } from '../api/id-tokens.ts';
import { ReportRef } from '../api/runners.ts';
import { route } from './route.ts';

export const idTokenRoutes = {
  issueIdToken: route({
    method: 'POST',
    path: '/runner/jobs/:id/id-token',
    permission: 'runner',
    summary: 'Sign a token that proves to an audience which job this is; for the current lease',
    params: ReportRef,
    body: IdTokenRequest,
    response: IdTokenResponse,
    repeatable: true,
  }),
} as const;
