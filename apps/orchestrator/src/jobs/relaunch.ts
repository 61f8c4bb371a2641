// Launches a finished job anew: the same version, with the same inputs.
import { RivetError, uuidv7 } from '@rivet/base';
import { type JobRow, readJobContent } from '@rivet/store';
import type { Person } from '../auth/principal.ts';
import { findJob, jobOf } from '../find.ts';
import { groupOf } from './concurrency-group.ts';
import { eventOf, type LaunchServices, newRow } from './launch.ts';
import { earlierLaunch, launchKey } from './launch-key.ts';
import { openInputs, sealInputs } from './secret-inputs.ts';
import { type PreparedLaunch, storeLaunches } from './store-launch.ts';
import { supersedeAfter } from './supersede.ts';
import { hasEnded } from './transitions.ts';

/**
 * Launches a new job with the version and inputs of a finished one.
 * @param clientKey the same key with the same job gives the same new job
 * @throws RIVET_JOB_NOT_FOUND, RIVET_JOB_NOT_FINISHED, RIVET_PIPELINE_NOT_FOUND,
 *   RIVET_IDEMPOTENCY_KEY_REUSED
 */
export async function relaunch(
  services: LaunchServices,
  person: Person,
  prefix: string,
  clientKey: string | undefined,
): Promise<JobRow> {
  const { database, sealer, notifier } = services;
  const job = await findJob(database, person, prefix, 'pipelines.launch');
  const key = launchKey(sealer, person, clientKey, ['retry', job.id]);
  const earlier = await earlierLaunch(database, key);
  if (earlier !== undefined) return jobOf(database, earlier);
  if (!hasEnded(job)) {
    throw RivetError.of('RIVET_JOB_NOT_FINISHED', { id: job.id, state: job.state });
  }
  const launch = await prepareAgain(services, person, job);
  const stored = await storeLaunches(services, person, [launch], { key, batch: false });
  if (stored.kind === 'repeated') return jobOf(database, stored.jobId);
  notifier.queueChanged();
  await supersedeAfter(services, [launch]);
  const [again] = launch.jobs;
  return stored.kind === 'launched' && again !== undefined
    ? newRow(launch, again, stored.createdAt)
    : jobOf(database, again?.id ?? '');
}

async function prepareAgain(
  { database, sealer, versions }: LaunchServices,
  person: Person,
  job: JobRow,
): Promise<PreparedLaunch> {
  const content = await readJobContent(database, job.id);
  const id = uuidv7();
  const { definition } = await versions.of(database, job.pipeline_id, job.version);
  const inputs = await openInputs(database, sealer, job.id, content?.inputs ?? {});
  const sealed = sealInputs(sealer, definition, id, inputs);
  return {
    jobs: [
      { id, inputs: sealed.inputs, priority: job.priority, group: groupOf(definition, inputs) },
    ],
    concurrency: definition.concurrency,
    queueAgeMsMax: definition.max_queue_age_ms,
    secretInputs: new Map(sealed.secretInputs && [[id, sealed.secretInputs]]),
    pipelineId: job.pipeline_id,
    pipelineName: job.pipeline_name,
    version: job.version,
    current: false,
    tags: content?.tags ?? [],
    launchedBy: person.name,
    // What it was launched by decides which secrets it gets: a retry gets no others, neither than
    // the job before nor than whoever retries would get.
    event: job.event === 'manual' ? eventOf(person) : job.event,
    retryOf: job.id,
  };
}
