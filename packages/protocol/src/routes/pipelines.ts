// Routes of pipelines.
import * as jobs from '../api/jobs.ts';
import * as pipelines from '../api/pipelines.ts';
import { route } from './route.ts';

export const pipelineRoutes = {
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
    permission: 'pipelines.edit',
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
    permission: 'pipelines.launch',
    summary: 'Check the inputs and queue a job; with Idempotency-Key a repeat returns the same job',
    params: pipelines.PipelineRef,
    body: pipelines.LaunchRequest,
    response: jobs.Job,
  }),
} as const;
