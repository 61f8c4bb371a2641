// Routes of runners, and those that a runner itself calls.
import * as runners from '../api/runners.ts';
import { route } from './route.ts';

export const runnerRoutes = {
  listRunners: route({
    method: 'GET',
    path: '/runners',
    permission: 'runners.view',
    summary: 'List runners by name',
    response: runners.RunnerList,
  }),
  registerRunner: route({
    method: 'POST',
    path: '/runner/register',
    permission: 'runner',
    summary: 'Make a runner known, or known anew',
    body: runners.RegisterRequest,
    response: runners.RegisterResponse,
    repeatable: true,
  }),
  claimJobs: route({
    method: 'POST',
    path: '/runner/claim',
    permission: 'runner',
    summary: 'Wait for jobs and take them',
    body: runners.ClaimRequest,
    response: runners.ClaimResponse,
    repeatable: true,
  }),
  reportJob: route({
    method: 'POST',
    path: '/runner/jobs/:id/report',
    permission: 'runner',
    summary: 'Report log lines, stage changes, outputs and the outcome; renews the lease',
    params: runners.ReportRef,
    body: runners.ReportRequest,
    response: runners.ReportResponse,
    repeatable: true,
  }),
} as const;
