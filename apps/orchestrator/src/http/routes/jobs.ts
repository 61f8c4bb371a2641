// Routes of the resource "jobs": list, show, cancel, retry, explain, events.

import { RivetError } from '@rivet/base';
import { type JobRow, listJobs, lockJob } from '@rivet/store';
import type { Person } from '../../auth/principal.ts';
import { findJob, jobOf } from '../../find.ts';
import { explainJob } from '../../jobs/explain.ts';
import { readJobDetail } from '../../jobs/job-detail.ts';
import { launchJobs } from '../../jobs/launch.ts';
import { relaunch } from '../../jobs/relaunch.ts';
import { cancel, hasEnded } from '../../jobs/transitions.ts';
import { presentJob } from '../../present.ts';
import type { Services } from '../../services.ts';
import { decodeCursor, encodeCursor, ID_AFTER_ALL, ID_PATTERN, toPage } from '../cursor.ts';
import type { Handlers } from '../handler.ts';
import { readIdempotencyKey } from '../idempotency-key.ts';
import { streamJob } from '../job-stream.ts';

type Names =
  | 'listJobs'
  | 'launchJobs'
  | 'getJob'
  | 'cancelJob'
  | 'retryJob'
  | 'explainJob'
  | 'streamJobEvents';

const LIMIT_DEFAULT = 50;

export function jobRoutes(services: Services): Handlers<Names> {
  const { database, reader } = services;
  const limits = { defaultMs: services.attemptTimeMsMax, graceMs: services.timeoutGraceMs };
  return {
    listJobs: async ({ query, person }) => {
      const limit = query.limit ?? LIMIT_DEFAULT;
      const before =
        query.cursor === undefined ? ID_AFTER_ALL : decodeCursor('jobs', query.cursor, ID_PATTERN);
      const { state, pipeline } = query;
      const filter = person().access.filterOf('pipelines.view');
      const page = { before, state, pipeline, limit: limit + 1, filter };
      const rows = await listJobs(reader, page);
      return toPage(rows, limit, presentJob, (row) => encodeCursor('jobs', row.id));
    },
    launchJobs: async ({ body, person, request }) => ({
      jobs: await launchJobs(services, person(), body.launches, readIdempotencyKey(request)),
    }),
    getJob: async ({ params, person }) =>
      readJobDetail(services, await findJob(database, person(), params.id, 'pipelines.view')),
    cancelJob: async ({ params, person }) =>
      presentJob(await cancelJob(services, person(), params.id)),
    retryJob: async ({ params, person, request }) =>
      presentJob(await relaunch(services, person(), params.id, readIdempotencyKey(request))),
    explainJob: async ({ params, person }) => {
      const job = await findJob(database, person(), params.id, 'pipelines.view');
      const { access } = person();
      const maySee = (name: string): boolean => access.mayOn('pipelines.view', name);
      return explainJob(database, job, maySee, limits);
    },
    streamJobEvents: async (call) => {
      const job = await findJob(database, call.person(), call.params.id, 'pipelines.view');
      const { id } = job;
      streamJob(services, call, job, (stream) => services.jobFollowers.follow(stream, id));
      return undefined;
    },
  };
}

/** Canceling a canceled job again changes nothing; any other finished job stays as it is. */
async function cancelJob(services: Services, person: Person, prefix: string): Promise<JobRow> {
  const { database, notifier, audit, dispatcher } = services;
  const { id } = await findJob(database, person, prefix, 'pipelines.cancel');
  await database.transaction(
    async (tx) => {
      const job = await lockJob(tx, id);
      if (job === undefined || job.state === 'canceled') return;
      if (hasEnded(job)) throw RivetError.of('RIVET_JOB_FINISHED', { id, state: job.state });
      // Once asked is asked: the job is told until it ends.
      const asked = job.cancel_requested;
      await cancel(tx, job);
      if (asked) return;
      const object = { kind: 'job', id, name: job.pipeline_name };
      await audit.record(tx, person, { action: 'job.cancel', object });
    },
    { repeatable: true },
  );
  notifier.jobChanged(id);
  const job = await jobOf(database, id);
  if (job.state === 'running' && job.runner_id !== null) {
    dispatcher.news([job.runner_id]);
    notifier.runnerChanged(job.runner_id);
  }
  return job;
}
