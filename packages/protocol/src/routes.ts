// The route table: every endpoint with its method, path, shapes and what it is for. The
// orchestrator
// serves exactly these, the client calls them, and the OpenAPI document is made from them.
import type { TSchema } from 'typebox';
import * as jobs from './api/jobs.ts';
import * as pipelines from './api/pipelines.ts';
import * as runners from './api/runners.ts';
import * as system from './api/system.ts';

/** What a caller must be allowed to do; authentication gives the words their meaning. */
export type Permission =
  | 'public'
  | 'pipelines.view'
  | 'pipelines.edit'
  | 'jobs.view'
  | 'jobs.launch'
  | 'jobs.cancel'
  | 'runners.view'
  | 'runner';

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path with `:parameters`, below `/api` unless `root` is set. */
  readonly path: string;
  readonly root?: true;
  readonly permission: Permission;
  readonly summary: string;
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly body?: TSchema;
  /** Absent: no content, or a stream. */
  readonly response?: TSchema;
  readonly stream?: 'sse' | 'text';
  /** Of a stream of server-sent events: the shape of each event's data by its name. */
  readonly events?: Readonly<Record<string, TSchema>>;
  /** Whether sending it twice has the effect of sending it once; GET always may be repeated. */
  readonly repeatable?: true;
}

const route = <const R extends Route>(definition: R): R => definition;

export const routes = {
  createPipeline: route({
    method: 'POST',
    path: '/pipelines',
    permission: 'pipelines.edit',
    summary: 'Validate a bundle and make it the newest version of its pipeline',
    body: pipelines.CreatePipelineRequest,
    response: pipelines.CreatePipelineResponse,
  }),
  checkPipeline: route({
    method: 'POST',
    path: '/pipelines/check',
    permission: 'pipelines.view',
    summary: 'Validate a bundle without storing it',
    body: pipelines.CreatePipelineRequest,
    response: pipelines.CheckPipelineResponse,
    repeatable: true,
  }),
  listPipelines: route({
    method: 'GET',
    path: '/pipelines',
    permission: 'pipelines.view',
    summary: 'List pipelines by name',
    query: pipelines.PipelineListQuery,
    response: pipelines.PipelineList,
  }),
  getPipeline: route({
    method: 'GET',
    path: '/pipelines/:ref',
    permission: 'pipelines.view',
    summary: 'Show a pipeline with its definition and files',
    params: pipelines.PipelineRef,
    response: pipelines.PipelineDetail,
  }),
  deletePipeline: route({
    method: 'DELETE',
    path: '/pipelines/:ref',
    permission: 'pipelines.edit',
    summary: 'Delete a pipeline; its jobs stay. Refused while one of them is not finished',
    params: pipelines.PipelineRef,
  }),
  listPipelineVersions: route({
    method: 'GET',
    path: '/pipelines/:ref/versions',
    permission: 'pipelines.view',
    summary: 'List the versions of a pipeline, newest first',
    params: pipelines.PipelineRef,
    response: pipelines.PipelineVersionList,
  }),
  rollbackPipeline: route({
    method: 'POST',
    path: '/pipelines/:ref/rollback',
    permission: 'pipelines.edit',
    summary: 'Make the files of an earlier version the newest version',
    params: pipelines.PipelineRef,
    body: pipelines.RollbackRequest,
    response: pipelines.CreatePipelineResponse,
  }),
  launchPipeline: route({
    method: 'POST',
    path: '/pipelines/:ref/launch',
    permission: 'jobs.launch',
    summary: 'Check the inputs and queue a job; with Idempotency-Key a repeat returns the same job',
    params: pipelines.PipelineRef,
    body: pipelines.LaunchRequest,
    response: jobs.Job,
  }),
  listJobs: route({
    method: 'GET',
    path: '/jobs',
    permission: 'jobs.view',
    summary: 'List jobs, newest first',
    query: jobs.JobListQuery,
    response: jobs.JobList,
  }),
  getJob: route({
    method: 'GET',
    path: '/jobs/:id',
    permission: 'jobs.view',
    summary: 'Show a job with its stages and outputs',
    params: jobs.JobRef,
    response: jobs.JobDetail,
  }),
  cancelJob: route({
    method: 'POST',
    path: '/jobs/:id/cancel',
    permission: 'jobs.cancel',
    summary: 'Cancel a job: a queued one at once, a running one through its runner',
    params: jobs.JobRef,
    response: jobs.Job,
    repeatable: true,
  }),
  retryJob: route({
    method: 'POST',
    path: '/jobs/:id/retry',
    permission: 'jobs.launch',
    summary:
      'Launch a finished job anew as it was; with Idempotency-Key a repeat returns the same job',
    params: jobs.JobRef,
    response: jobs.Job,
  }),
  getJobLogs: route({
    method: 'GET',
    path: '/jobs/:id/logs',
    permission: 'jobs.view',
    summary: 'Read log lines',
    params: jobs.JobRef,
    query: jobs.LogQuery,
    response: jobs.LogPage,
  }),
  streamJobLogs: route({
    method: 'GET',
    path: '/jobs/:id/logs/stream',
    permission: 'jobs.view',
    summary: 'Follow the log as server-sent events; resumes after Last-Event-ID',
    params: jobs.JobRef,
    stream: 'sse',
    events: jobs.logStreamEvents,
  }),
  getRawJobLogs: route({
    method: 'GET',
    path: '/jobs/:id/logs/raw',
    permission: 'jobs.view',
    summary: 'The whole log of the current attempt as plain text',
    params: jobs.JobRef,
    stream: 'text',
  }),
  streamJobEvents: route({
    method: 'GET',
    path: '/jobs/:id/events',
    permission: 'jobs.view',
    summary: 'Follow the state of a job and its stages as server-sent events',
    params: jobs.JobRef,
    stream: 'sse',
    events: jobs.jobStreamEvents,
  }),
  explainJob: route({
    method: 'GET',
    path: '/jobs/:id/explain',
    permission: 'jobs.view',
    summary: 'Say why a job waits, or why it ended as it did',
    params: jobs.JobRef,
    response: jobs.JobExplanation,
  }),
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
    permission: 'public',
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

export type RouteName = keyof typeof routes;

/** The path of a route as it is on the wire. */
export function routePath(entry: Route): string {
  return entry.root === true ? entry.path : `/api${entry.path}`;
}
