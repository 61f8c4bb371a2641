// Routes of jobs and their logs.
import * as jobs from '../api/jobs.ts';
import { route } from './route.ts';

export const jobRoutes = {
  listJobs: route({
    method: 'GET',
    path: '/jobs',
    permission: 'pipelines.view',
    summary: 'List jobs, newest first',
    query: jobs.JobListQuery,
    response: jobs.JobList,
  }),
  launchJobs: route({
    method: 'POST',
    path: '/jobs/launch',
    permission: 'pipelines.launch',
    summary:
      'Launch many jobs at once, all or none; with Idempotency-Key a repeat returns the same jobs',
    body: jobs.LaunchJobsRequest,
    response: jobs.LaunchJobsResponse,
  }),
  getJob: route({
    method: 'GET',
    path: '/jobs/:id',
    permission: 'pipelines.view',
    summary: 'Show a job with its stages and outputs',
    params: jobs.JobRef,
    response: jobs.JobDetail,
  }),
  cancelJob: route({
    method: 'POST',
    path: '/jobs/:id/cancel',
    permission: 'pipelines.cancel',
    summary: 'Cancel a job: a queued one at once, a running one through its runner',
    params: jobs.JobRef,
    response: jobs.Job,
    repeatable: true,
  }),
  retryJob: route({
    method: 'POST',
    path: '/jobs/:id/retry',
    permission: 'pipelines.launch',
    summary:
      'Launch a finished job anew as it was; with Idempotency-Key a repeat returns the same job',
    params: jobs.JobRef,
    response: jobs.Job,
  }),
  getJobLogs: route({
    method: 'GET',
    path: '/jobs/:id/logs',
    permission: 'pipelines.view',
    summary: 'Read log lines',
    params: jobs.JobRef,
    query: jobs.LogQuery,
    response: jobs.LogPage,
  }),
  streamJobLogs: route({
    method: 'GET',
    path: '/jobs/:id/logs/stream',
    permission: 'pipelines.view',
    summary: 'Follow the log as server-sent events; resumes after Last-Event-ID',
    params: jobs.JobRef,
    stream: 'sse',
    events: jobs.logStreamEvents,
  }),
  getRawJobLogs: route({
    method: 'GET',
    path: '/jobs/:id/logs/raw',
    permission: 'pipelines.view',
    summary: 'The whole log of the current attempt as plain text',
    params: jobs.JobRef,
    stream: 'text',
  }),
  streamJobEvents: route({
    method: 'GET',
    path: '/jobs/:id/events',
    permission: 'pipelines.view',
    summary: 'Follow the state of a job and its stages as server-sent events',
    params: jobs.JobRef,
    stream: 'sse',
    events: jobs.jobStreamEvents,
  }),
  explainJob: route({
    method: 'GET',
    path: '/jobs/:id/explain',
    permission: 'pipelines.view',
    summary: 'Say why a job waits, or why it ended as it did',
    params: jobs.JobRef,
    response: jobs.JobExplanation,
  }),
} as const;
